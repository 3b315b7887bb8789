import type { SqlRow } from '../../driver.js'
import type { JsonObject, JsonValue } from '../../json.js'
import { decodeStored, fromMicroseconds } from '../../message.js'
import { at, LONG, patienceFor, type QueueShape, queueTable, type Statement, shownUs } from '../parts.js'

/** A message as pgmq's own functions return it. */
export interface MessageRecord {
  readonly queue: string
  readonly id: string
  readonly body: JsonValue
  /** Empty where the message has none, or none that are an object. */
  readonly headers: JsonObject
  /** Reads so far, this one included. */
  readonly readCount: number
  readonly enqueuedAt: Date
  /** Of the last read; `null` when there was none, and before pgmq 1.10. */
  readonly lastReadAt: Date | null
  /** pgmq's `vt`: hidden until then. */
  readonly visibleAt: Date
}

/** Upstream's clock in these statements. Not `now`: a `vt` compared with that may be sorted by its index, every time anew. */
const clock = 'clock_timestamp()'

/** Seconds from now, or a time in microseconds since 1970: one of the two is null. */
export interface When {
  readonly seconds: string | null
  readonly time: string | null
}

export const whenSql = (seconds: number, time: number): string =>
  `coalesce(${at(`$${time}::text::bigint`)}, ${clock} + coalesce($${seconds}::text::float8, 0) * interval '1 second')`

/** The columns of `m`, whichever of them the server has. */
const record = (shape: QueueShape): string =>
  `m.msg_id::text id, m.read_ct::text rc, ${shownUs('m.enqueued_at')} enqueued, ${shownUs('m.vt')} due, m.message::text body,
  ${shape.headers ? 'm.headers::text' : 'null'} headers, ${shape.lastReadAt ? shownTime('m.last_read_at') : 'null'} last_read`

/** A time that may be null. */
export const shownTime = (time: string): string => `case when ${time} is not null then ${shownUs(time)} end`

export function decodeRecord(queue: string, row: SqlRow): MessageRecord {
  const { dueAt, ...stored } = decodeStored(queue, row)
  return { ...stored, lastReadAt: row.last_read ? fromMicroseconds(row.last_read) : null, visibleAt: dueAt }
}

export interface ReadRequest {
  readonly seconds: number
  readonly limit: number
  /** JSON text that the body must contain, or `null`. */
  readonly conditional: string | null
}

/** `pgmq.read`: hides the visible messages with the lowest ids. */
export function read(shape: QueueShape, request: ReadRequest): Statement<readonly MessageRecord[]> {
  const table = queueTable(shape)
  const condition = request.conditional === null ? '' : ' and message @> $3::text::jsonb'
  return {
    text: `with pick as materialized (
  select msg_id from ${table} where vt <= ${clock}${condition} order by msg_id limit (select $1::text::int) for update skip locked),
m as (
  update ${table} m set read_ct = m.read_ct + 1,${shape.lastReadAt ? ` last_read_at = ${clock},` : ''}
    vt = ${clock} + $2::text::float8 * interval '1 second'
  where m.msg_id = any(array(select msg_id from pick)) returning m.*)
select ${record(shape)} from m order by m.msg_id`,
    params: [
      String(request.limit),
      String(request.seconds),
      ...(request.conditional === null ? [] : [request.conditional]),
    ],
    patience: request.conditional === null ? patienceFor(request.limit) : LONG,
    decode: (rows) => rows.map((row) => decodeRecord(shape.logical, row)),
  }
}

/** `pgmq.pop`: reads and deletes. */
export function pop(shape: QueueShape, limit: number): Statement<readonly MessageRecord[]> {
  const table = queueTable(shape)
  return {
    text: `with pick as materialized (
  select msg_id from ${table} where vt <= ${clock} order by msg_id limit (select $1::text::int) for update skip locked),
m as (delete from ${table} m where m.msg_id = any(array(select msg_id from pick)) returning m.*)
select ${record(shape)} from m order by m.msg_id`,
    params: [String(limit)],
    patience: patienceFor(limit),
    decode: (rows) => rows.map((row) => decodeRecord(shape.logical, row)),
  }
}

/** `pgmq.set_vt`. Rows are locked in the order of their ids, so that two calls never deadlock. */
export function setVt(shape: QueueShape, ids: readonly string[], when: When): Statement<readonly MessageRecord[]> {
  const table = queueTable(shape)
  return {
    text: `with pick as materialized (
  select msg_id from ${table} where msg_id = any((select $1::text::bigint[])::bigint[]) order by msg_id for update),
m as (update ${table} m set vt = ${whenSql(2, 3)} where m.msg_id = any(array(select msg_id from pick)) returning m.*)
select ${record(shape)} from m order by m.msg_id`,
    params: [`{${ids.join()}}`, when.seconds, when.time],
    patience: patienceFor(ids.length),
    decode: (rows) => rows.map((row) => decodeRecord(shape.logical, row)),
  }
}
