import type { JsonValue } from '@pgmq/node-pg'

const ISO = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(?:Z|([+-]\d{2}):?(\d{2}))?$/

/** A time as Python's `isoformat` writes it. Without an offset it is in UTC, as Celery's default `enable_utc` has it. */
export function readTime(value: JsonValue | undefined): Date | undefined {
  const [, day, time, hours, minutes] = (typeof value === 'string' && ISO.exec(value)) || []
  const date = new Date(`${day}T${time}${hours === undefined ? 'Z' : `${hours}:${minutes}`}`)
  return Number.isNaN(date.getTime()) ? undefined : date
}
