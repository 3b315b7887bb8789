import { fromMicroseconds } from '../../message.js'
import { patiently } from '../clear-queue.js'
import { type Statement, shownUs } from '../parts.js'

/** `throttleMs`: `null` before pgmq 1.8, which knows none. With it the call is ambiguous on no version. */
export function enableNotifyInsert(
  queue: string,
  throttleMs: number | null,
  patienceMs: number | null,
): Statement<void> {
  const call = `pgmq.enable_notify_insert($1::text${throttleMs === null ? '' : ', $2::text::int'})`
  return {
    text: patiently(call, patienceMs),
    params: throttleMs === null ? [queue] : [queue, String(throttleMs)],
    decode: () => undefined,
  }
}

export function disableNotifyInsert(queue: string, patienceMs: number | null): Statement<void> {
  return {
    text: patiently('pgmq.disable_notify_insert($1::text)', patienceMs),
    params: [queue],
    decode: () => undefined,
  }
}

/** The interval of a queue whose trigger stands. A crash empties the table, which is unlogged: then the row comes back. */
export function setNotifyInterval(queue: string, throttleMs: number): Statement<void> {
  return {
    text: `insert into pgmq.notify_insert_throttle as t (queue_name, throttle_interval_ms) values ($1::text, $2::text::int)
on conflict (queue_name) do update set throttle_interval_ms = excluded.throttle_interval_ms, last_notified_at = to_timestamp(0)
where t.throttle_interval_ms <> excluded.throttle_interval_ms`,
    params: [queue, String(throttleMs)],
    decode: () => undefined,
  }
}

export interface NotifyInsertThrottle {
  readonly queue: string
  readonly throttleIntervalMs: number
  /** `null`: not since it was enabled. */
  readonly lastNotifiedAt: Date | null
}

export function listNotifyInsertThrottles(): Statement<readonly NotifyInsertThrottle[]> {
  return {
    text: `select queue_name::text queue, throttle_interval_ms::text ms, ${shownUs('last_notified_at')} last_us
from pgmq.notify_insert_throttle order by queue_name`,
    params: [],
    looks: true,
    decode: (rows) =>
      rows.map((row) => ({
        queue: row.queue as string,
        throttleIntervalMs: Number(row.ms),
        lastNotifiedAt: row.last_us === '0' ? null : fromMicroseconds(row.last_us as string),
      })),
  }
}
