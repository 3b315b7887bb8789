import type { SqlRow } from '../../driver.js'
import { fromMicroseconds } from '../../message.js'
import type { QueueName } from '../../queue-name.js'
import { LONG, now, queueTable, type Statement, shownUs } from '../parts.js'

export interface Metrics {
  readonly queue: string
  /** Messages in the queue, hidden ones included. */
  readonly length: number
  /** `null` in `metricsAll` before pgmq 1.5. */
  readonly visibleLength: number | null
  /** Since the newest was sent; `null` in an empty queue. */
  readonly newestAgeSeconds: number | null
  readonly oldestAgeSeconds: number | null
  /** Ever sent. */
  readonly totalMessages: number
  readonly scrapedAt: Date
  /** Messages in the default partition, where they should not be. `null` before pgmq 1.13. */
  readonly defaultPartitionLength: number | null
}

// What came later is asked for by name in the row as JSON, so that one text serves all versions.
const later = (column: string): string => `(to_jsonb(m) ->> '${column}')::bigint`

const columns = (visible: string): string =>
  `m.queue_length::text length, ${visible}::text visible, m.newest_msg_age_sec::text newest, m.oldest_msg_age_sec::text oldest,
  m.total_messages::text total, ${shownUs('m.scrape_time')} scraped, ${later('default_partition_length')}::text "default"`

/** Scans the whole queue. */
export function metrics(queue: QueueName): Statement<Metrics> {
  const visible = `coalesce(${later('queue_visible_length')}, (select count(*) from ${queueTable(queue)} where vt <= ${now}))`
  return {
    text: `select ${columns(visible)} from pgmq.metrics($1::text) m`,
    params: [queue.physical],
    looks: true,
    patience: LONG,
    decode: ([row]) => decodeMetrics(queue.logical, row ?? {}),
  }
}

function decodeMetrics(queue: string, row: SqlRow): Metrics {
  const number = (text: string | null | undefined): number | null => (text == null ? null : Number(text))
  return {
    queue,
    length: Number(row.length),
    visibleLength: number(row.visible),
    newestAgeSeconds: number(row.newest),
    oldestAgeSeconds: number(row.oldest),
    totalMessages: Number(row.total),
    scrapedAt: fromMicroseconds(row.scraped as string),
    defaultPartitionLength: number(row.default),
  }
}

export interface AllMetrics {
  /** By name. */
  readonly queues: readonly Metrics[]
  /** Queues that cannot be measured, and why. */
  readonly broken: readonly { readonly queue: string; readonly reason: 'missing' | 'denied' | 'name' }[]
}

/** Of every queue that can be measured: where one cannot, `pgmq.metrics_all` fails as a whole. */
export function allMetrics(): Statement<AllMetrics> {
  return {
    text: `with all_queues as materialized (
  select n, q, s, case when n ~ '[$;'']|--' then 'name' when q is null or s is null then 'missing'
    when not has_table_privilege(q, 'select') or not has_sequence_privilege(s, 'select') then 'denied' end reason
  from (select queue_name::text n, to_regclass(format('pgmq.%I', lower('q_' || queue_name))) q,
    to_regclass(format('pgmq.%I', lower('q_' || queue_name) || '_msg_id_seq')) s from pgmq.meta) x),
sound as materialized (select n from all_queues where reason is null)
select sound.n, null reason, ${columns(later('queue_visible_length'))} from sound cross join lateral pgmq.metrics(sound.n) m
union all select n, reason, null, null, null, null, null, null, null from all_queues where reason is not null
order by 1`,
    params: [],
    looks: true,
    patience: LONG,
    decode: (rows) => ({
      queues: rows.filter(({ reason }) => reason === null).map((row) => decodeMetrics(row.n as string, row)),
      broken: rows
        .filter(({ reason }) => reason !== null)
        .map((row) => ({ queue: row.n as string, reason: row.reason as 'missing' | 'denied' | 'name' })),
    }),
  }
}

export interface MetricsEstimate {
  readonly queue: string
  readonly length: number
  readonly visibleLength: number
  /** Whether both lengths were counted; longer queues are estimated. */
  readonly exact: boolean
  /** Of the message with the lowest id. */
  readonly oldestAgeSeconds: number | null
  readonly newestAgeSeconds: number | null
  readonly totalMessages: number
}

/**
 * Looks at so many rows at the most, whatever the queue's length; beyond them the length is what the planner believes,
 * and never more than there are ids between the first and the last.
 */
export function metricsEstimate(queue: QueueName, countTo: number): Statement<MetricsEstimate> {
  const table = queueTable(queue)
  const some = (where: string): string =>
    `(select count(*) from (select from ${table} ${where} limit (select $2::text::int)) x)`
  const edge = (order: string): string => `(select enqueued_at from ${table} order by msg_id ${order} limit 1)`
  const age = (time: string): string => `floor(date_part('epoch', ${now} - ${time}))::text`
  return {
    text: `select counted::text, visible::text, hidden::text,
  greatest(counted, least(ids, believed))::text believed,
  ${age(edge('asc'))} oldest, ${age(edge('desc'))} newest, coalesce(pg_sequence_last_value(pg_get_serial_sequence($1::text, 'msg_id')::regclass), 0)::text total
from (select ${some('')} counted, ${some(`where vt <= ${now} order by vt`)} visible, ${some(`where vt > ${now} order by vt`)} hidden,
  (select max(msg_id) - min(msg_id) + 1 from ${table}) ids,
  (select sum(reltuples / nullif(relpages, 0) * (pg_relation_size(oid) / current_setting('block_size')::int))::bigint
    from pg_catalog.pg_class where reltuples >= 0 and (oid = to_regclass($1::text)
      or oid in (select inhrelid from pg_catalog.pg_inherits where inhparent = to_regclass($1::text)))) believed) e`,
    params: [table, String(countTo + 1)],
    looks: true,
    decode: ([row]) => decodeEstimate(queue.logical, row ?? {}, countTo),
  }
}

function decodeEstimate(queue: string, row: SqlRow, countTo: number): MetricsEstimate {
  const [counted, visible, hidden] = [Number(row.counted), Number(row.visible), Number(row.hidden)]
  const exact = counted <= countTo
  const length = exact ? counted : Number(row.believed)
  return {
    queue,
    length,
    // Of the two parts the shorter was counted to its end, mostly.
    visibleLength: visible <= countTo ? visible : Math.max(visible, length - hidden),
    exact,
    oldestAgeSeconds: row.oldest == null ? null : Number(row.oldest),
    newestAgeSeconds: row.newest == null ? null : Number(row.newest),
    totalMessages: Number(row.total),
  }
}
