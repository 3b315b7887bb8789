import {
  type ClientOptions,
  type Handler as CoreHandler,
  type PgmqClient as CorePgmqClient,
  createClient as createCoreClient,
  type Task,
} from '@pgmq/core'
import type { PgConnection, PgPool } from './connection-types.js'
import { createDriver } from './driver.js'

// Client

/** A client over `pg`: `with` and `completeWith` take a connection of `pg`. */
export type PgmqClient = CorePgmqClient<PgConnection>

/** A handler in a file of its own, whose `completeWith` takes a connection of `pg`. */
export type Handler<T extends Task> = CoreHandler<T, PgConnection>

/**
 * A client over `pg`. With a connection string it opens a pool of its own at the first call, and `close` ends it. A
 * `Pool`, `PoolClient` or `Client` is borrowed, and stays yours.
 *
 * @throws a TypeError when `connection` is none of these
 * @example const client = createClient(process.env.DATABASE_URL!)
 * @example const client = createClient(new pg.Pool({ max: 20 }), { queuePrefix: 'unison' })
 */
export function createClient(connection: string | PgPool | PgConnection, options?: ClientOptions): PgmqClient {
  return createCoreClient(createDriver(connection), options)
}

// Every type that an exported value of a user's can have: where core is not hoisted, declaration emit fails on one that
// is missing.
export type {
  ArchivedMessage,
  Backoff,
  ClientOptions,
  DeadLetter,
  DeadLetterFilter,
  DeadLetterReason,
  DeadLetters,
  Delay,
  DequeueOptions,
  DrainResult,
  EnqueueMiddleware,
  EnqueueOptions,
  EnqueueRequest,
  EnqueueResult,
  HandlerContext,
  HandlerMiddleware,
  Handlers,
  JobEvent,
  JsonObject,
  JsonValue,
  Lease,
  Logger,
  Message,
  MessageRef,
  Page,
  PageOptions,
  PgmqClient as PgmqClientOf,
  PgmqError,
  PgmqErrorCode,
  PgmqErrorDetails,
  PgmqErrorOf,
  QueueInfo,
  QueueMetrics,
  QueueOptions,
  Queues,
  RedriveOptions,
  RetryPolicy,
  SchemaIssue,
  SchemaResult,
  SqlExecutor,
  SqlParam,
  SqlRow,
  StandardSchema,
  StoredMessage,
  Task,
  TaskDefinition,
  TaskFor,
  TaskInput,
  TaskOutput,
  TaskParsed,
  TaskReturned,
  Tasks,
  TaskTypes,
  Worker,
  WorkerEvents,
  WorkerHealth,
  WorkerOptions,
} from '@pgmq/core'
// Of core, so that this is the only package to install.
export {
  createWorker,
  defineTask,
  isPgmqError,
  messageRef,
  PermanentError,
  RetryAfterError,
  SnoozeError,
  unchecked,
} from '@pgmq/core'
export type { PgConnection, PgPool } from './connection-types.js'
export { fromPg } from './driver.js'
