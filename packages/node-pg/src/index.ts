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

// Core, so that this package is the only one to install. The types are those that an exported value of a user's can have:
// declaration emit fails on any that is missing where core is not hoisted.
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
