import type { QueueName } from '../../queue-name.js'
import { archiveTable, queueTable, type Statement } from '../parts.js'

/** What there is of a queue, its row in `pgmq.meta` included. Takes no lock that anybody waits for. */
export interface Look {
  readonly table: boolean
  readonly archive: boolean
  /** In `pgmq.meta`, by exactly this name. */
  readonly listed: boolean
  /** Another name in `pgmq.meta` that stands for the same table, since tables are in lower case. */
  readonly namesake: string | null
  /** A relation that a new queue of this name would collide with: an index, sequence or partition of another's. */
  readonly obstacle: string | null
  /** The schema of pg_partman. */
  readonly partman: string | null
  /** The trigger of `enable_notify_insert`. */
  readonly notifies: boolean
}

export function look(queue: QueueName): Statement<Look> {
  return {
    text: `select (q is not null)::text "table", (a is not null)::text archive,
  exists (select from pgmq.meta where queue_name = $1::text)::text listed,
  (select min(queue_name)::text from pgmq.meta where lower(queue_name) = lower($1::text) and queue_name <> $1::text) namesake,
  (select min(relname)::text from pg_catalog.pg_class where relnamespace = to_regnamespace('pgmq') and (oid = q and (relkind not in ('r', 'p') or relispartition)
    or q is null and relname in (select lower('q_' || $1::text) || s from unnest('{_vt_idx,_pkey,_msg_id_seq,_default}'::text[]) s))) obstacle,
  (select extnamespace::regnamespace::text from pg_catalog.pg_extension where extname = 'pg_partman') partman,
  exists (select from pg_catalog.pg_trigger where tgrelid = q and tgname = 'trigger_notify_queue_insert_listeners')::text notifies
from (select to_regclass($2::text) q, to_regclass($3::text) a) t`,
    params: [queue.physical, queueTable(queue), archiveTable(queue)],
    looks: true,
    decode: ([row]) => ({
      table: row?.table === 'true',
      archive: row?.archive === 'true',
      listed: row?.listed === 'true',
      namesake: row?.namesake ?? null,
      obstacle: row?.obstacle ?? null,
      partman: row?.partman ?? null,
      notifies: row?.notifies === 'true',
    }),
  }
}

/** The functions of the connected pgmq: `send(text, jsonb)`. */
export function functions(): Statement<ReadonlySet<string>> {
  return {
    text: `select p.proname || '(' || pg_catalog.oidvectortypes(p.proargtypes) || ')' signature
from pg_catalog.pg_proc p where p.pronamespace = to_regnamespace('pgmq')`,
    params: [],
    looks: true,
    decode: (rows) => new Set(rows.map(({ signature }) => signature as string)),
  }
}
