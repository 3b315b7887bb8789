import type { Fence } from '../message.js'
import { fence, KEY, now, type QueueShape, queueTable, type Statement } from './parts.js'

/** `busy`: locked, by the holder's own open `completeWith` or for a moment by another's lease. Still ours. */
export type ExtendVerdict = 'held' | 'busy' | 'lost'

/**
 * Keeps leases for another `seconds`. Never waits for a row: one lock would let every other lease of the process run
 * out. Never shortens a lease that a handler has extended further by itself. One row a lease, by `leaseKey`.
 */
export function extend(
  shape: QueueShape,
  leases: readonly Fence[],
  seconds: number,
): Statement<Map<string, ExtendVerdict>> {
  const { cte, mine, params, next } = fence(shape, leases)
  const table = queueTable(shape)
  return {
    text: `${cte},
l as (select q.msg_id from f join ${table} q on ${mine} for update of q skip locked),
u as (update ${table} q set vt = greatest(q.vt, ${now} + $${next}::text::float8 * interval '1 second')
  where q.msg_id = any(array(select msg_id from l)) returning q.msg_id)
select ${KEY} key, case when q.msg_id is null then 'lost' when u.msg_id is null then 'busy' else 'held' end verdict
from f left join u on u.msg_id = f.id left join ${table} q on ${mine}`,
    params: [...params, String(seconds)],
    decode: (rows) => new Map(rows.map((row) => [row.key as string, row.verdict as ExtendVerdict])),
  }
}
