import type { JsonObject } from '@pgmq/core'
import * as v from 'valibot'
import { DEFAULTS } from './options.js'

/** What requests bring and responses hold. The OpenAPI document is made of the same. */

const LONGEST_SECONDS = 3_155_760_000

const seconds = v.pipe(v.number(), v.minValue(0), v.maxValue(LONGEST_SECONDS))
const count = (most: number): v.GenericSchema<number> =>
  v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(most))
const timestamp = v.pipe(v.string(), v.isoTimestamp())
const id = v.pipe(v.string(), v.regex(/^(0|[1-9][0-9]{0,18})$/, 'Expected a message id: a text of digits'))
const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Any object: `record` would leave out fields with names such as `constructor`. */
const jsonObject = v.custom<JsonObject>(isObject, 'Expected an object')

// Requests

const range = {
  limit: v.exactOptional(count(DEFAULTS.largestPage)),
  after: v.exactOptional(id),
}
export const page = v.strictObject(range)
export const archivePage = v.strictObject({ ...range, task: v.exactOptional(v.string()) })

const reason = v.picklist([
  'retries_exhausted',
  'permanent',
  'invalid_input',
  'unknown_task',
  'timed_out',
  'crash_loop',
])
const letterFilter = {
  task: v.exactOptional(v.string()),
  reason: v.exactOptional(reason),
  errorContains: v.exactOptional(v.string()),
  failedAfter: v.exactOptional(timestamp),
  failedBefore: v.exactOptional(timestamp),
}
export const letterPage = v.strictObject({ ...range, ...letterFilter })
const filter = v.strictObject({ ids: v.exactOptional(v.array(id)), ...letterFilter })
export const purgeLetters = v.strictObject({ filter })
export const redriveLetters = v.strictObject({
  filter,
  perSecond: v.exactOptional(v.pipe(v.number(), v.gtValue(0))),
})
export const redriveLetter = v.strictObject({ body: v.exactOptional(jsonObject) })

export const createQueue = v.strictObject({ unlogged: v.exactOptional(v.boolean()) })

const jobOptions = {
  delaySeconds: v.exactOptional(seconds),
  runAt: v.exactOptional(timestamp),
  headers: v.exactOptional(jsonObject),
}
export const enqueueBody = v.strictObject({ body: jsonObject, ...jobOptions })
export const enqueueBodies = v.strictObject({ messages: v.array(enqueueBody) })
export const enqueueInput = v.strictObject({ input: jsonObject, ...jobOptions })
export const enqueueInputs = v.strictObject({ jobs: v.array(enqueueInput) })
export type JobOptions = Omit<v.InferOutput<typeof enqueueInput>, 'input'>

export const lease = v.strictObject({
  limit: v.exactOptional(count(DEFAULTS.largestLease)),
  visibilitySeconds: v.exactOptional(v.pipe(v.number(), v.gtValue(0), v.maxValue(LONGEST_SECONDS))),
  waitSeconds: v.exactOptional(v.pipe(v.number(), v.minValue(0), v.maxValue(DEFAULTS.longestWaitSeconds))),
})
export const pop = v.strictObject({ limit: v.exactOptional(count(DEFAULTS.largestLease)) })
export const receipt = v.strictObject({ receipt: v.exactOptional(v.string()) })
export const visibility = v.strictObject({ seconds, receipt: v.exactOptional(v.string()) })

export const drain = v.strictObject({
  maxMs: v.exactOptional(v.pipe(v.number(), v.minValue(1), v.maxValue(DEFAULTS.longestDrainMs))),
  maxMessages: v.exactOptional(count(1_000_000)),
})
export const events = v.strictObject({ intervalSeconds: v.exactOptional(count(60)) })

// Responses

const named = <S extends v.GenericSchema>(ref: string, schema: S): v.GenericSchema =>
  v.pipe(schema, v.metadata({ ref }))
const list = (item: v.GenericSchema): v.GenericSchema => v.object({ items: v.array(item) })
const pageOf = (item: v.GenericSchema): v.GenericSchema =>
  v.object({ items: v.array(item), nextCursor: v.nullable(id) })

const stored = {
  queue: v.string(),
  id,
  body: v.unknown(),
  headers: jsonObject,
  readCount: v.number(),
  enqueuedAt: timestamp,
  dueAt: timestamp,
}
const queueInfo = { name: v.string(), createdAt: timestamp, unlogged: v.boolean(), partitioned: v.boolean() }
const queueMetrics = {
  queue: v.string(),
  length: v.number(),
  visibleLength: v.number(),
  oldestAgeSeconds: v.nullable(v.number()),
  totalMessages: v.number(),
}
const letter = {
  queue: v.string(),
  id,
  originalQueue: v.string(),
  originalId: v.string(),
  error: v.string(),
  reason: v.string(),
  retryCount: v.number(),
  failedAt: timestamp,
  body: v.unknown(),
  headers: jsonObject,
}
const enqueued = named('Enqueued', v.object({ queue: v.string(), id, status: v.literal('enqueued') }))
const metrics = named('QueueMetrics', v.object(queueMetrics))
const deadLetter = named('DeadLetter', v.object(letter))

/** How often something was done. */
const counted = (field: string): v.GenericSchema => v.object({ [field]: v.number() })
const done = (field: string): v.GenericSchema => v.object({ [field]: v.literal(true) })

export const answers = {
  queues: list(named('Queue', v.object(queueInfo))),
  queue: named('QueueDetails', v.object({ ...queueInfo, metrics })),
  created: v.object({ name: v.string() }),
  dropped: done('dropped'),
  purged: counted('purged'),
  enqueued,
  manyEnqueued: list(enqueued),
  messages: pageOf(named('StoredMessage', v.object(stored))),
  leased: list(named('Message', v.object({ ...stored, receipt: v.string() }))),
  archive: pageOf(named('ArchivedMessage', v.object({ ...stored, archivedAt: timestamp }))),
  archived: done('archived'),
  deleted: done('deleted'),
  moved: done('moved'),
  metrics,
  allMetrics: list(metrics),
  letters: pageOf(deadLetter),
  letter: deadLetter,
  redriven: counted('redriven'),
  drained: named(
    'DrainResult',
    v.object({
      succeeded: v.number(),
      retried: v.number(),
      snoozed: v.number(),
      deadLettered: v.number(),
      lost: v.number(),
      more: v.boolean(),
    }),
  ),
  health: v.object({ status: v.string() }),
} as const
