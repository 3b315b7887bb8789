import type {
  ArchivedMessage,
  DeadLetter,
  DeadLetterFilter,
  DrainResult,
  EnqueueResult,
  JsonObject,
  Message,
  Page,
  QueueInfo,
  QueueMetrics,
  StoredMessage,
  Task,
  TaskInput,
  TaskOutput,
  Tasks,
} from '@pgmq/core'
import type { Problem, ProblemStatus } from './problem.js'

/**
 * What requests and responses look like to Hono's client `hc`. Written out, not inferred from handlers, so that it costs
 * little. Aliases, no interfaces: declarations of a user's client spell them out, where they could not name them.
 */

/** As JSON holds it: times are texts. */
type Json<T> = { readonly [K in keyof T]: T[K] extends Date ? string : T[K] extends Date | undefined ? string : T[K] }

type Answer<Input, Output, Status extends 200 | 201 = 200> =
  | { input: Input; output: Output; outputFormat: 'json'; status: Status }
  | { input: Input; output: Problem; outputFormat: 'json'; status: ProblemStatus }
type TextAnswer<Input> =
  | { input: Input; output: string; outputFormat: 'text'; status: 200 }
  | { input: Input; output: Problem; outputFormat: 'json'; status: ProblemStatus }

type OfQueue = {
  param: { queue: string }
}
type OfMessage = {
  param: { queue: string; id: string }
}
type PageQuery = {
  limit?: number
  after?: string
}
type Items<T> = {
  readonly items: readonly T[]
}
type JsonPage<T> = Page<Json<T>>

/** Give `delaySeconds` or `runAt`, a time as ISO 8601 writes it. */
type JobOptions = {
  delaySeconds?: number
  runAt?: string
  headers?: JsonObject
}
type JobOf<Input> = JobOptions & { input: Input }
type RawJob = JobOptions & { body: JsonObject }
type LetterFilter = Json<DeadLetterFilter>
type LetterQuery = PageQuery & Omit<LetterFilter, 'ids'>

/** The routes that are there whatever the tasks are. */
type FixedApi = {
  '/queues': { $get: Answer<object, Items<Json<QueueInfo>>> }
  '/queues/:queue': {
    $get: Answer<OfQueue, Json<QueueInfo> & { readonly metrics: QueueMetrics }>
    $put: Answer<OfQueue & { query?: { unlogged?: boolean } }, { readonly name: string }>
    $delete: Answer<OfQueue, { readonly dropped: true }>
  }
  '/queues/:queue/purge': { $post: Answer<OfQueue, { readonly purged: number }> }
  '/queues/:queue/messages': {
    $get: Answer<OfQueue & { query?: PageQuery }, JsonPage<StoredMessage>>
    $post: Answer<OfQueue & { json: RawJob }, EnqueueResult, 201>
  }
  '/queues/:queue/messages/batch': {
    $post: Answer<OfQueue & { json: { messages: readonly RawJob[] } }, Items<EnqueueResult>, 201>
  }
  '/queues/:queue/messages/read': {
    $post: Answer<
      OfQueue & { json: { limit?: number; visibilitySeconds?: number; waitSeconds?: number } },
      Items<Json<Message>>
    >
  }
  '/queues/:queue/messages/pop': { $post: Answer<OfQueue & { json: { limit?: number } }, Items<Json<Message>>> }
  '/queues/:queue/messages/:id': {
    $delete: Answer<OfMessage & { query?: { receipt?: string } }, { readonly deleted: true }>
  }
  '/queues/:queue/messages/:id/archive': {
    $post: Answer<OfMessage & { json: { receipt?: string } }, { readonly archived: true }>
  }
  '/queues/:queue/messages/:id/visibility': {
    $put: Answer<OfMessage & { json: { seconds: number; receipt?: string } }, { readonly moved: true }>
  }
  '/queues/:queue/archive': {
    $get: Answer<OfQueue & { query?: PageQuery & { task?: string } }, JsonPage<ArchivedMessage>>
  }
  '/queues/:queue/dead-letters': { $get: Answer<OfQueue & { query?: LetterQuery }, JsonPage<DeadLetter>> }
  '/queues/:queue/dead-letters/redrive': {
    $post: Answer<OfQueue & { json: { filter: LetterFilter; perSecond?: number } }, { readonly redriven: number }>
  }
  '/queues/:queue/dead-letters/purge': {
    $post: Answer<OfQueue & { json: { filter: LetterFilter } }, { readonly purged: number }>
  }
  '/queues/:queue/dead-letters/:id': {
    $get: Answer<OfMessage, Json<DeadLetter>>
    $delete: Answer<OfMessage, { readonly deleted: true }>
  }
  '/queues/:queue/dead-letters/:id/redrive': {
    $post: Answer<OfMessage & { json: { body?: JsonObject } }, { readonly redriven: number }>
  }
  '/queues/:queue/metrics': { $get: Answer<OfQueue, QueueMetrics> }
  '/queues/:queue/events': { $get: TextAnswer<OfQueue & { query?: { intervalSeconds?: number } }> }
  '/metrics': { $get: TextAnswer<object> }
  '/metrics/queues': { $get: Answer<object, Items<QueueMetrics>> }
  '/drain': { $post: Answer<{ json: { maxMs?: number; maxMessages?: number } }, DrainResult> }
  '/health/live': { $get: Answer<object, { readonly status: string }> }
  '/health/ready': { $get: Answer<object, { readonly status: string }> }
  '/openapi.json': { $get: Answer<object, JsonObject> }
}

/** One literal path a task: with a parameter in its place `hc` would ask for the inputs of all tasks at once. */
type TaskApi<T extends Tasks> = {
  [K in keyof T as `/tasks/${T[K]['name']}`]: {
    $post: Answer<{ json: JobOf<TaskInput<T[K]>> }, EnqueueResult<TaskOutput<T[K]>>, 201>
  }
} & {
  [K in keyof T as `/tasks/${T[K]['name']}/batch`]: {
    $post: Answer<{ json: { jobs: readonly JobOf<TaskInput<T[K]>>[] } }, Items<EnqueueResult<TaskOutput<T[K]>>>, 201>
  }
}

/** The type of the routes, for `hc<typeof app>()`. */
export type QueueApi<T extends Tasks = Record<never, Task>> = FixedApi & TaskApi<T>
