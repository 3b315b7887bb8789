import { seconds, wholeNumber } from '../checks.js'
import { configurationInvalid, pgmqError } from '../errors.js'
import { encodeJson, isJsonObject, type JsonObject, type JsonValue, utf8Length } from '../json.js'
import { checkedId, toMicroseconds } from '../message.js'
import { DEFAULTS } from '../options.js'
import { shown } from '../shown.js'
import { type EncodedJob, encodedJob } from '../statements/enqueue.js'
import type { When } from '../statements/protocol/messages.js'

/** All that a caller gives is checked here, before anything is sent. */

/** Seconds from now, fractions too, or a time. */
export type SecondsOrDate = number | Date

/** @throws CONFIGURATION_INVALID */
export function whenOf(field: string, given: SecondsOrDate): When {
  if (!(given instanceof Date)) return { seconds: String(seconds(field, given)), time: null }
  if (Number.isNaN(given.getTime())) throw configurationInvalid(field, `${field} is no time: give a valid Date`)
  return { seconds: null, time: toMicroseconds(given) }
}

/** Options are left out, or an object: `null` is neither. @throws CONFIGURATION_INVALID */
export function optionsOf<T extends object>(given: T | undefined): Partial<T> {
  if (given === undefined) return {}
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return given
  throw configurationInvalid('options', `options ${shown(given)} are invalid: leave them out, or pass an object`)
}

export interface ReadOptions {
  /**
   * Whole seconds for which the messages are hidden from others.
   *
   * @defaultValue 30
   */
  readonly visibilitySeconds?: number
  /**
   * Messages at the most.
   *
   * @defaultValue 1
   */
  readonly limit?: number
}

/** @throws CONFIGURATION_INVALID */
export function readArguments(given: ReadOptions): { readonly seconds: number; readonly limit: number } {
  const { visibilitySeconds = DEFAULTS.visibilitySeconds, limit = 1 } = given
  return { seconds: wholeNumber('visibilitySeconds', visibilitySeconds, 0), limit: wholeNumber('limit', limit, 1) }
}

/** JSON text of what a body must contain, or `null` for an empty condition. */
export function conditionText(given: JsonObject | readonly JsonValue[] | undefined): string | null {
  if (given === undefined) return null
  if (typeof given !== 'object' || given === null)
    throw configurationInvalid(
      'conditional',
      `conditional ${shown(given)} is invalid: pass an object that the bodies must contain`,
    )
  const text = encodeJson(given, 'conditional')
  return text === '{}' ? null : text
}

/** Of one message or of many. @throws CONFIGURATION_INVALID */
export function idsOf(given: string | readonly string[]): readonly string[] {
  return Array.isArray(given) ? given.map(checkedId) : [checkedId(given as string)]
}

export interface SendOptions {
  readonly headers?: JsonObject
  /**
   * Hidden for so many seconds, or until then.
   *
   * @defaultValue 0
   */
  readonly delay?: SecondsOrDate
}

export interface SendBatchOptions {
  /** One for each message, in their order; `null` for a message without. */
  readonly headers?: readonly (JsonObject | null)[]
  /** @defaultValue 0 */
  readonly delay?: SecondsOrDate
}

/** What `send` and `sendTopic` share, as texts. */
export interface Batch {
  readonly bodies: readonly string[]
  readonly headers: readonly (string | null)[]
  readonly when: When
}

/** @throws BODY_NOT_SERIALIZABLE, BATCH_TOO_LARGE, CONFIGURATION_INVALID */
export function oneOf(message: JsonValue, options: SendOptions | undefined): Batch {
  const { headers, delay = 0 } = optionsOf(options)
  return fitting({
    bodies: [encodeJson(message, 'message')],
    headers: [headers === undefined ? null : headersText(headers, 'headers')],
    when: whenOf('delay', delay),
  })
}

/** @throws BODY_NOT_SERIALIZABLE, BATCH_TOO_LARGE, CONFIGURATION_INVALID */
export function batchOf(messages: readonly JsonValue[], options: SendBatchOptions | undefined): Batch {
  const { headers, delay = 0 } = optionsOf(options)
  if (!Array.isArray(messages) || messages.length === 0)
    throw configurationInvalid('messages', 'messages are none: pass an array with at least one')
  if (headers !== undefined && (!Array.isArray(headers) || headers.length !== messages.length))
    throw configurationInvalid(
      'headers',
      `headers for ${Array.isArray(headers) ? headers.length : 'no'} messages cannot go with ${messages.length}: pass one for each, null for none`,
    )
  const given: readonly (JsonObject | null)[] = headers ?? []
  return fitting({
    bodies: messages.map((message, i) => encodeJson(message, `messages[${i}]`)),
    headers: messages.map((_message, i) => (given[i] == null ? null : headersText(given[i], `headers[${i}]`))),
    when: whenOf('delay', delay),
  })
}

function headersText(headers: JsonObject, field: string): string {
  if (!isJsonObject(headers))
    throw configurationInvalid(field, `${field} ${shown(headers)} are invalid: pass an object`)
  return encodeJson(headers, field)
}

function fitting(batch: Batch): Batch {
  const limit = DEFAULTS.enqueueManyBytes
  const texts = [...batch.bodies, ...batch.headers]
  const units = texts.reduce((sum, text) => sum + (text?.length ?? 0), 0)
  if (units * 3 <= limit) return batch
  const bytes = texts.reduce((sum, text) => sum + utf8Length(text ?? ''), 0)
  if (bytes <= limit) return batch
  const message = `${bytes} bytes are too many for one statement: ${limit} at most. Nothing was written; send less at once`
  throw pgmqError('BATCH_TOO_LARGE', message, { limit })
}

/** For the insert that the client's `enqueue` uses too. */
export function jobsOf({ bodies, headers, when }: Batch): readonly EncodedJob[] {
  const due =
    when.time !== null ? { microseconds: when.time } : when.seconds === '0' ? {} : { seconds: when.seconds ?? 0 }
  return bodies.map((body, i) => encodedJob(body, headers[i] ?? null, due))
}
