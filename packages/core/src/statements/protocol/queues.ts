import type { QueueName } from '../../queue-name.js'
import { ENDLESS, LONG, queueTable, type Statement } from '../parts.js'

/** Names in `pgmq.meta` that stand for a table that is gone: `drop_queue` leaves those that differ in their capitals. */
export function unlist(queue: QueueName): Statement<boolean> {
  return {
    text: `delete from pgmq.meta where lower(queue_name) = lower($1::text) and to_regclass($2::text) is null returning '1' gone`,
    params: [queue.physical, queueTable(queue)],
    decode: (rows) => rows.length > 0,
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
    patience: LONG,
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
    patience: ENDLESS,
    decode: () => undefined,
  }
}
