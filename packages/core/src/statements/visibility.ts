import { HEADER } from '../headers.js'
import type { Fence } from '../message.js'
import { asObject, fence, now, type QueueShape, queueTable, type Statement } from './parts.js'

/** Moves the end of a lease either way; the receipt lives on. */
export function moveLease(shape: QueueShape, lease: Fence, seconds: number): Statement<boolean> {
  const { cte, mine, params, next } = fence(shape, [lease])
  return {
    text: `${cte} update ${queueTable(shape)} q set vt = ${now} + $${next}::text::float8 * interval '1 second'
from f where ${mine} returning q.msg_id::text id`,
    params: [...params, String(seconds)],
    decode: (rows) => rows.length > 0,
  }
}

/** Ends leases, on record, by their holder. False: none was ours any more. */
export function endLeases(shape: QueueShape, leases: readonly Fence[]): Statement<boolean> {
  const { cte, mine, params } = fence(shape, leases)
  return {
    text: `${cte} update ${queueTable(shape)} q set vt = least(q.enqueued_at, ${now})${ended(shape)}
from f where ${mine} returning q.msg_id::text id`,
    params,
    decode: (rows) => rows.length > 0,
  }
}

/** An operator's: sets the time, and ends a delivery that runs, on record. */
export function setVisibilityById(shape: QueueShape, id: string, seconds: number): Statement<boolean> {
  return {
    text: `update ${queueTable(shape)} q set vt = ${now} + $2::text::float8 * interval '1 second'${ended(shape)}
where q.msg_id = $1::text::bigint returning q.msg_id::text id`,
    params: [id, String(seconds)],
    decode: (rows) => rows.length > 0,
  }
}

/** The end of a delivery, on record. A record of one alone would come back to life with the next crashes. */
function ended(shape: QueueShape): string {
  const reads = shape.lastReadAt ? 'q.read_ct' : 'q.read_ct + 1'
  const running = shape.lastReadAt ? 'q.last_read_at is not null' : 'true'
  const headers = shape.headers
    ? `, headers = case when ${running} then ((${asObject('q.headers')}) - '${HEADER.alone}') || jsonb_build_object('${HEADER.ended}', ${reads}) else q.headers end`
    : ''
  return `, ${shape.lastReadAt ? 'last_read_at = null' : 'read_ct = q.read_ct + 1'}${headers}`
}
