import { compareIds, decodeStored, type Fence, type Message, makeReceipt } from '../message.js'
import { at, inSeconds, now, patienceFor, type QueueShape, queueTable, type Statement, shownUs, us } from './parts.js'

export interface LeaseRequest {
  /** Where the search begins, in microseconds; `null`: at the very beginning. */
  readonly floor: string | null
  readonly limit: number
  readonly seconds: number
  /** The statement is a transaction of its own, so how it commits is up to us. */
  readonly alone: boolean
}

export interface Leased {
  /** In the order in which they were due. */
  readonly deliveries: readonly LeasedMessage[]
  /** The highest due time among them: the next floor. `null` when nothing was visible. */
  readonly floor: string | null
}

export interface LeasedMessage {
  readonly message: Message
  readonly fence: Fence
  /** Length of the body's text. */
  readonly size: number
  /** Whether the table has headers, and so counters. */
  readonly recorded: boolean
}

/** Of this transaction alone. What acknowledges a lease waits for the disk, and so for the lease, which is before it in the log. */
const NO_WAIT_FOR_DISK = `\n  cross join (select set_config('synchronous_commit', 'off', true)) commit`

/**
 * Leases what is visible, earliest due first, and never waits for a row. The index on `vt` serves it in every state of
 * the table's statistics; the floor skips the dead entries that an open transaction keeps in front.
 *
 * Where it may, it does not wait for its commit to reach the disk: a server that crashes right after it has not leased
 * anything, the messages are as they were, and the receipts that it gave are refused. Not without `last_read_at`: the next lease
 * would have the same receipt.
 */
export function lease(shape: QueueShape, request: LeaseRequest): Statement<Leased> {
  const table = queueTable(shape)
  const stamp = shape.lastReadAt ? 'last_read_at' : 'enqueued_at'
  return {
    text: `with pick as materialized (
  select msg_id, vt from ${table}
  where vt >= coalesce(${at('$1::text::bigint')}, '-infinity') and vt <= ${now}
  order by vt limit (select $2::text::int) for update skip locked),
u as (
  update ${table} m set read_ct = m.read_ct + 1,${shape.lastReadAt ? ` last_read_at = ${now},` : ''} vt = ${inSeconds('$3')}
  where m.msg_id = any(array(select msg_id from pick)) returning m.*)
select m.msg_id::text id, m.read_ct::text rc, ${us(`m.${stamp}`)} us, m.message::text body, ${shape.headers ? 'm.headers::text' : 'null'} headers,
  ${shownUs('m.enqueued_at')} enqueued, ${shownUs('p.vt')} due
from u m join pick p on p.msg_id = m.msg_id${request.alone && shape.lastReadAt ? NO_WAIT_FOR_DISK : ''}`,
    params: [request.floor, String(request.limit), String(request.seconds)],
    patience: patienceFor(request.limit),
    decode(rows) {
      const deliveries = rows.map((row): LeasedMessage & { due: number } => {
        const stored = decodeStored(shape.logical, row)
        const fence = { id: stored.id, readCount: row.rc as string, stamp: row.us as string }
        const message = { ...stored, receipt: makeReceipt(fence.readCount, fence.stamp) }
        return { message, fence, size: row.body?.length ?? 0, recorded: shape.headers, due: Number(row.due) }
      })
      deliveries.sort((a, b) => a.due - b.due || compareIds(a.fence.id, b.fence.id))
      return { deliveries, floor: deliveries.length ? String(deliveries[deliveries.length - 1]?.due) : null }
    },
  }
}
