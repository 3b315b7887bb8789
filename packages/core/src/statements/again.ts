import type { SqlRow } from '../driver.js'
import type { Fence } from '../message.js'
import type { HeaderPatch } from '../retry/counters.js'
import { fence, KEY, now, patched, type QueueShape, queueTable, type Statement, us } from './parts.js'

/**
 * Ends a delivery and begins the next in place, under a new receipt: for a retry at once, which would else queue behind
 * the whole backlog, and for a delivery that is to begin alone. By the old `leaseKey`.
 */
export function again(
  shape: QueueShape,
  leases: readonly Fence[],
  patches: readonly HeaderPatch[],
  seconds: number,
): Statement<Map<string, Fence>> {
  const texts = patches.map((patch) => JSON.stringify(patch))
  const { cte, mine, params, next } = fence(shape, leases, [{ name: 'h', type: 'text', values: texts }])
  const stamp = shape.lastReadAt ? 'last_read_at' : 'enqueued_at'
  // Without headers the read count alone tells that a delivery has ended: as when it is given back and leased again.
  const reads = shape.headers ? 1 : 2
  return {
    text: `${cte}
update ${queueTable(shape)} q set read_ct = q.read_ct + ${reads},${shape.lastReadAt ? ` last_read_at = ${now},` : ''}
  vt = ${now} + $${next}::text::float8 * interval '1 second'${shape.headers ? `, headers = ${patched('q.headers', 'f.h')}` : ''}
from f where ${mine} returning ${KEY} was, f.id::text id, q.read_ct::text rc, ${us(`q.${stamp}`)} us`,
    params: [...params, String(seconds)],
    decode: byOldKey,
  }
}

/**
 * Of leases whose renewal got no reply: those that it had renewed. Another's lease would be one read further, too, but
 * without the patch. Where there are no headers the read count is all there is: it steps by two, as a lease of another's
 * that was given back does; its fence would then fail at the settle.
 */
export function findRenewed(
  shape: QueueShape,
  leases: readonly Fence[],
  patches: readonly HeaderPatch[],
): Statement<Map<string, Fence>> {
  const texts = patches.map((patch) => JSON.stringify(patch))
  const { cte, params } = fence(shape, leases, [{ name: 'h', type: 'text', values: texts }])
  const stamp = shape.lastReadAt ? 'last_read_at' : 'enqueued_at'
  const renewed = shape.headers ? 'q.read_ct = f.rc + 1 and q.headers @> f.h::jsonb' : 'q.read_ct = f.rc + 2'
  return {
    text: `${cte} select ${KEY} was, f.id::text id, q.read_ct::text rc, ${us(`q.${stamp}`)} us
from f join ${queueTable(shape)} q on q.msg_id = f.id and ${renewed}`,
    params,
    decode: byOldKey,
  }
}

function byOldKey(rows: readonly SqlRow[]): Map<string, Fence> {
  return new Map(
    rows.map((row) => [
      row.was as string,
      { id: row.id as string, readCount: row.rc as string, stamp: row.us as string },
    ]),
  )
}
