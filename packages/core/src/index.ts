// Tasks

export type { Handler, HandlerContext, HandlerFunction, HandlerMiddleware, Handlers, Tasks } from './attempt/handler.js'
// Client
export { createClient } from './client/create-client.js'
export type { EnqueueMiddleware, EnqueueRequest } from './client/middleware.js'
export type {
  DeadLetters,
  DequeueOptions,
  EnqueueOptions,
  EnqueueResult,
  Page,
  PageOptions,
  PgmqClient,
  Queues,
  RedriveOptions,
} from './client/pgmq-client.js'
// The port: for drivers
export type { Driver, Notifier, QueryOptions, ReservedConnection, SqlExecutor, SqlParam, SqlRow } from './driver.js'
export type { PgmqError, PgmqErrorCode, PgmqErrorDetails, PgmqErrorOf } from './errors.js'
// Errors and logging
export { isPgmqError } from './errors.js'
export type { Delay } from './handler-errors.js'
export { PermanentError, RetryAfterError, SnoozeError } from './handler-errors.js'
export type { JsonObject, JsonValue } from './json.js'
export type { Logger } from './logger.js'
export type { Lease, Message, MessageRef, StoredMessage } from './message.js'
export type { ClientOptions } from './options.js'
export { DEFAULTS } from './options.js'
export type { DeadLetterReason } from './retry/decide.js'
export type { Backoff, RetryPolicy } from './retry/policy.js'
export type { SchemaIssue, SchemaResult, StandardSchema } from './schema.js'
export { unchecked } from './schema.js'
export type { DeadLetter, DeadLetterFilter } from './statements/letters.js'
export type { ArchivedMessage, QueueInfo, QueueMetrics } from './statements/queues.js'
export type {
  Task,
  TaskDefinition,
  TaskFor,
  TaskInput,
  TaskOutput,
  TaskParsed,
  TaskReturned,
  TaskTypes,
} from './task.js'
export { defineTask, messageRef } from './task.js'
// Worker
export { createWorker } from './worker/create-worker.js'
export type { JobEvent, WorkerEvents } from './worker/events.js'
export type { DrainResult, Worker, WorkerHealth } from './worker/worker.js'
export type { QueueOptions, WorkerOptions } from './worker/worker-options.js'
