import { decodeStored, fromMicroseconds, type StoredMessage } from '../message.js'
import type { QueueName } from '../queue-name.js'
import { archiveTable, LONG, now, patienceFor, type QueueShape, queueTable, type Statement, shownUs } from './parts.js'

/** Upstream's own functions, for what they own. */

export function createQueue(physical: string, unlogged: boolean): Statement<void> {
  const create = unlogged ? 'create_unlogged' : 'create'
  return { text: `select from pgmq.${create}($1::text)`, params: [physical], decode: () => undefined }
}

export interface QueueInfo {
  readonly name: string
  readonly createdAt: Date
  readonly unlogged: boolean
  readonly partitioned: boolean
}

export function listQueues(): Statement<readonly QueueInfo[]> {
  return {
    text: `select queue_name::text "name", ${shownUs('created_at')} created, is_unlogged::text unlogged, is_partitioned::text partitioned
from pgmq.list_queues() order by queue_name`,
    params: [],
    looks: true,
    decode: (rows) =>
      rows.map((row) => ({
        name: row.name as string,
        createdAt: fromMicroseconds(row.created as string),
        unlogged: row.unlogged === 'true',
        partitioned: row.partitioned === 'true',
      })),
  }
}

export interface QueueMetrics {
  readonly queue: string
  /** Messages in the queue, leased and delayed ones included. */
  readonly length: number
  readonly visibleLength: number
  /** Since the oldest of them was enqueued; `null` when there is none. */
  readonly oldestAgeSeconds: number | null
  /** Ever enqueued. */
  readonly totalMessages: number
}

/** `queue_visible_length` came with pgmq 1.5, so it is counted here. */
export function queueMetrics(queue: QueueName): Statement<QueueMetrics> {
  return {
    text: `select m.queue_length::text length, m.oldest_msg_age_sec::text oldest, m.total_messages::text total,
  (select count(*) from ${queueTable(queue)} where vt <= ${now})::text visible
from pgmq.metrics($1::text) m`,
    params: [queue.physical],
    looks: true,
    patience: LONG,
    decode: ([row]) => ({
      queue: queue.logical,
      length: Number(row?.length),
      visibleLength: Number(row?.visible),
      oldestAgeSeconds: row?.oldest == null ? null : Number(row.oldest),
      totalMessages: Number(row?.total),
    }),
  }
}

export interface ArchivedMessage extends StoredMessage {
  readonly archivedAt: Date
}

const stored = (
  shape: QueueShape,
): string => `msg_id::text id, read_ct::text rc, message::text body, ${shape.headers ? 'headers::text' : 'null'} headers,
  ${shownUs('enqueued_at')} enqueued, ${shownUs('vt')} due`

/** Looks at messages by id, from `after` on, without leasing. */
export function peek(shape: QueueShape, after: string, limit: number): Statement<readonly StoredMessage[]> {
  return {
    text: `select ${stored(shape)} from ${queueTable(shape)} where msg_id > $1::text::bigint order by msg_id limit (select $2::text::int)`,
    params: [after, String(limit)],
    looks: true,
    patience: patienceFor(limit),
    decode: (rows) => rows.map((row) => decodeStored(shape.logical, row)),
  }
}

export function peekArchive(
  shape: QueueShape,
  after: string,
  limit: number,
  task: string | null,
): Statement<readonly ArchivedMessage[]> {
  return {
    text: `select ${stored(shape)}, ${shownUs('archived_at')} archived from ${archiveTable(shape)}
where msg_id > $1::text::bigint and ($3::text is null or message->>'task' = $3::text) order by msg_id limit (select $2::text::int)`,
    params: [after, String(limit), task],
    looks: true,
    patience: LONG,
    decode: (rows) =>
      rows.map((row) => ({
        ...decodeStored(shape.logical, row),
        archivedAt: fromMicroseconds(row.archived as string),
      })),
  }
}
