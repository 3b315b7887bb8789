import type { QueueName } from '../../queue-name.js'
import { queueTable, type Statement } from '../parts.js'
import { patiently } from './patience.js'

const done = (rows: readonly { readonly done?: string | null }[]): string | null => rows[0]?.done ?? null

export function dropQueue(queue: QueueName, patienceMs: number | null): Statement<boolean> {
  return {
    text: patiently('pgmq.drop_queue($1::text)', patienceMs),
    params: [queue.physical],
    decode: (rows) => done(rows) === 'true',
  }
}

/** Counts, then truncates. */
export function purgeQueue(queue: QueueName, patienceMs: number): Statement<number> {
  return {
    text: patiently('pgmq.purge_queue($1::text)', patienceMs),
    params: [queue.physical],
    decode: (rows) => Number(done(rows)),
  }
}

/** Names in `pgmq.meta` that stand for a table that is gone: `drop_queue` leaves those that differ in their capitals. */
export function unlist(queue: QueueName): Statement<boolean> {
  return {
    text: `delete from pgmq.meta where lower(queue_name) = lower($1::text) and to_regclass($2::text) is null returning '1' gone`,
    params: [queue.physical, queueTable(queue)],
    decode: (rows) => rows.length > 0,
  }
}

/** The highest id that there is, `null` in an empty queue. */
export function lastId(queue: QueueName): Statement<string | null> {
  return {
    text: `select max(msg_id)::text id from ${queueTable(queue)}`,
    params: [],
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
    decode: ([row]) => ({ count: Number(row?.removed), last: row?.last_id ?? null }),
  }
}

export interface PartitionRequest {
  readonly interval: string
  readonly retention: string
  readonly premake: number | null
}

export function createPartitioned(queue: QueueName, request: PartitionRequest): Statement<void> {
  const premake = request.premake === null ? '' : ', $4::text::int'
  return {
    text: `select from pgmq.create_partitioned($1::text, $2::text, $3::text${premake})`,
    params: [
      queue.physical,
      request.interval,
      request.retention,
      ...(request.premake === null ? [] : [String(request.premake)]),
    ],
    decode: () => undefined,
  }
}

export function convertArchivePartitioned(
  queue: QueueName,
  request: PartitionRequest & { readonly leading: number },
): Statement<void> {
  return {
    text: 'select from pgmq.convert_archive_partitioned($1::text, $2::text, $3::text, $4::text::int)',
    params: [queue.physical, request.interval, request.retention, String(request.leading)],
    decode: () => undefined,
  }
}
