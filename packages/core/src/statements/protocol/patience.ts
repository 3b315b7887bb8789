/**
 * A call that needs a table for itself. Who waits for that stands before all that come after, senders too; so it waits
 * `patienceMs` at most. Only for a statement that is a transaction of its own; `null` waits for ever.
 */
export function patiently(call: string, patienceMs: number | null): string {
  if (patienceMs === null) return `select ${call}::text done`
  return `with p as materialized (select set_config('lock_timeout', '${patienceMs}', true) v) select ${call}::text done from p where v is not null`
}
