import type { Fence } from '../message.js'
import { archiveTable, fence, type QueueShape, queueTable, type Statement } from './parts.js'

/**
 * What became of a `completeWith`. `done`: committed. `open`: its transaction has not ended. `undone`: rolled back, and
 * the lease is still ours. `lost`: another has the message, or had it.
 */
export type Completion = 'done' | 'open' | 'undone' | 'lost'

/** Asks without waiting. `archived`: a finished message of this queue lies in the archive, so that is where to look. */
export function completion(shape: QueueShape, lease: Fence, archived: boolean): Statement<Completion> {
  const { cte, mine, params } = fence(shape, [lease])
  const table = queueTable(shape)
  const inArchive = archived ? `exists (select from ${archiveTable(shape)} q where ${mine})` : 'true'
  return {
    text: `${cte}, l as (select q.msg_id from f join ${table} q on ${mine} for update of q skip locked)
select case when exists (select from l) then 'undone' when exists (select from ${table} q where ${mine}) then 'open'
  when exists (select from ${table} q where q.msg_id = f.id) then 'lost' when ${inArchive} then 'done' else 'lost' end state from f`,
    params,
    decode: ([row]) => (row?.state ?? 'lost') as Completion,
  }
}
