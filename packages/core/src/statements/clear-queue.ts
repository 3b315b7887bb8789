import type { QueueName } from '../queue-name.js'
import { LONG, queueTable, type Statement } from './parts.js'

/**
 * A call that needs a table for itself. Who waits for that stands before all that come after, senders too; so it waits
 * `patienceMs` at most. Only for a statement that is a transaction of its own; `null` waits for ever.
 */
export function patiently(call: string, patienceMs: number | null): string {
  if (patienceMs === null) return `select ${call}::text done`
  return `with p as materialized (select set_config('lock_timeout', '${patienceMs}', true) v) select ${call}::text done from p where v is not null`
}

const done = (rows: readonly { readonly done?: string | null }[]): string | null => rows[0]?.done ?? null

export function dropQueue(queue: QueueName, patienceMs: number | null): Statement<boolean> {
  return {
    text: patiently('pgmq.drop_queue($1::text)', patienceMs),
    params: [queue.physical],
    patience: LONG,
    decode: (rows) => done(rows) === 'true',
  }
}

/** Counts, then truncates. */
export function purgeQueue(queue: QueueName, patienceMs: number): Statement<number> {
  return {
    text: patiently('pgmq.purge_queue($1::text)', patienceMs),
    params: [queue.physical],
    patience: LONG,
    decode: (rows) => Number(done(rows)),
  }
}

/** The highest id that there is, `null` in an empty queue. */
export function lastId(queue: QueueName): Statement<string | null> {
  return {
    text: `select max(msg_id)::text id from ${queueTable(queue)}`,
    params: [],
    looks: true,
    decode: ([row]) => row?.id ?? null,
  }
}

export interface Removed {
  readonly count: number
  /** The highest id of them; `null` when nothing was left to remove. */
  readonly last: string | null
}

/** Deletes a batch by id, and passes over what somebody has locked. */
export function removeSome(queue: QueueName, after: string, upTo: string, limit: number): Statement<Removed> {
  const table = queueTable(queue)
  return {
    text: `with pick as materialized (
  select msg_id from ${table} where msg_id > $1::text::bigint and msg_id <= $2::text::bigint
  order by msg_id limit (select $3::text::int) for update skip locked),
d as (delete from ${table} where msg_id = any(array(select msg_id from pick)) returning msg_id)
select count(*)::text removed, max(msg_id)::text last_id from d`,
    params: [after, upTo, String(limit)],
    patience: LONG,
    decode: ([row]) => ({ count: Number(row?.removed), last: row?.last_id ?? null }),
  }
}
