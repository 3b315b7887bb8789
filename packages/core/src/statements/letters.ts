import type { SqlParam, SqlRow } from '../driver.js'
import { COUNTERS, HEADER } from '../headers.js'
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../json.js'
import { type Fence, fromMicroseconds, type MessageRef } from '../message.js'
import type { QueueName } from '../queue-name.js'
import { deadLetterQueue } from '../queue-name.js'
import type { DeadLetterReason } from '../retry/decide.js'
import { at, fence, KEY, LONG, now, type QueueShape, queueTable, type Statement, shownUs, textArray } from './parts.js'

/** A message in `<queue>_dlq`, which is its `queue`. */
export interface DeadLetter extends MessageRef {
  readonly originalQueue: string
  readonly originalId: string
  readonly error: string
  readonly reason: DeadLetterReason
  /** Retries made; 0 when it died on the first attempt, or where its writer did not say. */
  readonly retryCount: number
  /** Where its writer did not say: when the letter was written. */
  readonly failedAt: Date
  /** As it was when it was enqueued. */
  readonly body: JsonValue
  readonly headers: JsonObject
}

export interface DeadLetterFilter {
  /** Of the letters, in the dead-letter queue. */
  readonly ids?: readonly string[]
  readonly task?: string
  readonly errorContains?: string
  readonly reason?: DeadLetterReason
  /** Finds letters whose `failed_at` is in UTC, as ISO 8601 writes it; so does `failedBefore`. */
  readonly failedAfter?: Date
  readonly failedBefore?: Date
}

// Letters of other writers may lack any field, and hold anything. Of `failed_at` counts what is plainly a time in UTC, as
// one number of its digits: no text of that form fails to be one, and they compare as the times do.
const FAILED_AT = `translate(substring(message->>'failed_at' from '^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,99})?)(Z|[+]00:00)$'), '-T:', '')::numeric`
const digitsOf = (date: Date | undefined): string | null => date?.toISOString().replace(/[^0-9.]/g, '') ?? null

const MATCHES = `($1::text is null or msg_id = any((select $1::text::bigint[])::bigint[])) and ($2::text is null or message->'message'->>'task' = $2::text)
  and ($3::text is null or position($3::text in message->>'error') > 0) and ($4::text is null or message->>'reason' = $4::text)
  and ($5::text is null or ${FAILED_AT} > $5::text::numeric) and ($6::text is null or ${FAILED_AT} < $6::text::numeric)`

function filterParams(filter: DeadLetterFilter): SqlParam[] {
  const { ids, task, errorContains, reason, failedAfter, failedBefore } = filter
  return [
    ids ? `{${ids.join()}}` : null,
    task ?? null,
    errorContains ?? null,
    reason ?? null,
    digitsOf(failedAfter),
    digitsOf(failedBefore),
  ]
}

/** By id. */
export interface LetterRange {
  readonly after: string
  /** @defaultValue no end */
  readonly upTo?: string
  readonly limit: number
}

/** `letters` is the dead-letter queue. */
export function listLetters(
  letters: QueueShape,
  filter: DeadLetterFilter,
  { after, upTo, limit }: LetterRange,
): Statement<readonly DeadLetter[]> {
  return {
    text: `select msg_id::text id, message::text letter, ${letters.headers ? 'headers::text' : 'null'} headers, ${shownUs('enqueued_at')} enqueued
from ${queueTable(letters)} where ${MATCHES} and msg_id > $7::text::bigint and ($8::text is null or msg_id <= $8::text::bigint)
order by msg_id limit (select $9::text::int)`,
    params: [...filterParams(filter), after, upTo ?? null, String(limit)],
    looks: true,
    patience: LONG,
    decode: (rows) => rows.map((row) => decodeLetter(letters, row)),
  }
}

/** The id of the newest letter, or 0. */
export function newestLetter(letters: QueueShape): Statement<string> {
  return {
    text: `select coalesce(max(msg_id), 0)::text newest from ${queueTable(letters)}`,
    params: [],
    looks: true,
    decode: ([row]) => row?.newest ?? '0',
  }
}

function decodeLetter(letters: QueueName, row: SqlRow): DeadLetter {
  const parsed = parseJson(row.letter ?? 'null')
  const letter = isJsonObject(parsed) ? parsed : {}
  const headers = parseJson(row.headers ?? 'null')
  const text = (value: JsonValue | undefined): string =>
    typeof value === 'string' ? value : typeof value === 'number' ? String(value) : ''
  const retries = Number(text(letter.retry_count))
  const failedAt = text(letter.failed_at)
  // JavaScript makes a date of nearly any text, "9" too.
  const failedMs = /^[0-9]{4}-/.test(failedAt) ? Date.parse(failedAt) : Number.NaN
  return {
    queue: letters.logical,
    id: row.id as string,
    originalQueue: text(letter.original_queue),
    originalId: text(letter.original_msg_id),
    error: text(letter.error),
    reason: text(letter.reason) as DeadLetterReason,
    retryCount: Number.isInteger(retries) && retries > 0 ? retries : 0,
    failedAt: Number.isNaN(failedMs) ? fromMicroseconds(row.enqueued as string) : new Date(failedMs),
    body: letter.message ?? null,
    headers: isJsonObject(headers) ? headers : {},
  }
}

/** Deletes what matches, `limit` at a time. `letters` is the dead-letter queue. */
export function purgeLetters(letters: QueueName, filter: DeadLetterFilter, limit: number): Statement<number> {
  const table = queueTable(letters)
  return {
    text: `with d as (delete from ${table} where msg_id = any(array(
  select msg_id from ${table} where ${MATCHES} order by msg_id limit (select $7::text::int) for update skip locked)) returning 1)
select count(*)::text purged from d`,
    params: [...filterParams(filter), String(limit)],
    patience: LONG,
    decode: ([row]) => Number(row?.purged),
  }
}

/**
 * Moves letters back, in one statement. Bodies are the letters' own where `null`; one without an original message stays.
 * Headers come back as they were, without what the library had noted on them.
 */
export function redrive(
  shape: QueueShape,
  ids: readonly string[],
  bodies: readonly (string | null)[],
  channel: string | null,
): Statement<number> {
  const letters = queueTable(deadLetterQueue(shape))
  const own = `array[${[...COUNTERS, HEADER.outcome, HEADER.error].map((name) => `'${name}'`).join(', ')}]`
  const headers = `case when headers ? '${HEADER.foreign}' then headers->'${HEADER.foreign}'
    when jsonb_typeof(headers) = 'object' then nullif(headers - ${own}, '{}') else headers end`
  return {
    text: `with f as (select * from unnest((select $1::text::bigint[]), (select $2::text::text[])) f(id, b)),
l as (select msg_id from ${letters} where msg_id = any((select $1::text::bigint[])::bigint[]) and message->'message' is not null for update skip locked),
d as (delete from ${letters} q using f where q.msg_id = f.id and q.msg_id = any(array(select msg_id from l))
  returning q.msg_id, q.message, ${shape.headers ? 'q.headers, ' : ''}f.b),
i as (insert into ${queueTable(shape)} (vt, message${shape.headers ? ', headers' : ''})
  select ${now}, coalesce(b::jsonb, message->'message')${shape.headers ? `, ${headers}` : ''} from d order by msg_id returning 1)
select (select count(*) from i)::text redriven, (select pg_notify(c, '')::text from (select $3::text c) x where c is not null) n`,
    params: [`{${ids.join()}}`, textArray(bodies), channel],
    patience: LONG,
    decode: ([row]) => Number(row?.redriven),
  }
}

/** Of leases whose dead-lettering got no reply: those whose letter was written since. Ids begin anew where a queue does. */
export function findLetters(shape: QueueShape, leases: readonly Fence[]): Statement<readonly string[]> {
  const { cte, params } = fence(shape, leases)
  return {
    text: `${cte} select ${KEY} key from f join ${queueTable(deadLetterQueue(shape))} q
on q.message->>'original_msg_id' = f.id::text and q.enqueued_at >= ${at('f.us')}`,
    params,
    decode: (rows) => rows.map((row) => row.key as string),
  }
}
