import type { Logger, PgmqClient, Tasks, Worker } from '@pgmq/core'
import type { Context } from 'hono'
import type { Authorize } from './authorize.js'

/** Every number that has a default, and every bound, in one table. */
export const DEFAULTS = {
  maxBodyBytes: 1_048_576,
  maxStreams: 100,
  /** Levels of objects and arrays in a body: PostgreSQL's own limit depends on its stack. */
  jsonDepth: 100,
  pageSize: 100,
  largestPage: 1_000,
  largestLease: 1_000,
  longestWaitSeconds: 20,
  drainMs: 20_000,
  longestDrainMs: 900_000,
  drainMessages: 1_000,
  eventSeconds: 5,
} as const

/** Who may use the routes. There is no default. */
export type Access =
  | { readonly authorize: Authorize; readonly allowAnonymous?: never }
  /** Everybody may do everything: for a laptop. Warns when the routes are made. */
  | { readonly allowAnonymous: true; readonly authorize?: never }

export interface CommonOptions<T extends Tasks> {
  /**
   * A client, which stays yours; or a function that makes one for a request, as edge runtimes need it: that one is closed
   * behind the response.
   */
  readonly client: PgmqClient | ((c: Context) => PgmqClient)
  /** One typed `POST /tasks/<name>` each. */
  readonly tasks?: T
  /**
   * Makes `POST /drain` call `worker.drain`, and `GET /health/ready` look at a worker that runs. A function gets the
   * request's client.
   */
  readonly worker?: Worker | ((c: Context, client: PgmqClient) => Worker)
  /**
   * Refuses all that changes anything.
   *
   * @defaultValue false
   */
  readonly readOnly?: boolean
  /** @defaultValue 1_048_576 */
  readonly maxBodyBytes?: number
  /**
   * Event streams that may be open at once.
   *
   * @defaultValue 100
   */
  readonly maxStreams?: number
  /**
   * Pages of these origins may call the routes, too: `https://admin.example.com`. What a browser sends for pages of others
   * is refused.
   *
   * @defaultValue none
   */
  readonly origins?: readonly string[]
  /**
   * Is told what failed on the server's side, which the caller is not: there it is a request id. No body, header or token
   * is ever logged.
   *
   * @defaultValue console
   */
  readonly logger?: Logger
}

export type QueueRoutesOptions<T extends Tasks = Tasks> = CommonOptions<T> & Access

export interface ResolvedOptions {
  readonly client: PgmqClient | ((c: Context) => PgmqClient)
  readonly authorize: Authorize
  readonly tasks: Tasks
  readonly worker: Worker | ((c: Context, client: PgmqClient) => Worker) | undefined
  readonly readOnly: boolean
  readonly maxBodyBytes: number
  readonly maxStreams: number
  readonly origins: readonly string[]
  readonly logger: Logger
}

/** @throws a TypeError that names the option */
export function resolveOptions<T extends Tasks>(options: QueueRoutesOptions<T>): ResolvedOptions {
  const { client, authorize, allowAnonymous, worker, readOnly = false, origins = [] } = options
  const tasks: Tasks = options.tasks ?? {}
  const logger = options.logger ?? console
  if (typeof client !== 'function' && typeof client?.enqueue !== 'function')
    throw new TypeError('client is none that createClient made, nor a function that makes one')
  if (typeof authorize !== 'function' && allowAnonymous !== true) {
    throw new TypeError(
      'authorize is missing: pass a function, such as bearerTokens([…]). On a laptop, allowAnonymous: true lets everybody in',
    )
  }
  if (typeof authorize === 'function' && allowAnonymous === true)
    throw new TypeError('authorize and allowAnonymous exclude each other: give one')
  if (!authorize) logger.warn({}, 'queue routes are open: allowAnonymous lets everybody do everything')
  Object.values(tasks).forEach(checkName)
  return {
    client,
    authorize: authorize ?? (() => true),
    tasks,
    worker,
    readOnly,
    maxBodyBytes: wholeNumber('maxBodyBytes', options.maxBodyBytes ?? DEFAULTS.maxBodyBytes),
    maxStreams: wholeNumber('maxStreams', options.maxStreams ?? DEFAULTS.maxStreams),
    origins,
    logger,
  }
}

function wholeNumber(field: string, value: number): number {
  if (Number.isInteger(value) && value > 0) return value
  throw new TypeError(`${field} ${String(value)} is invalid: give a whole number above 0`)
}

/** A task's name is part of a path, as it is. */
function checkName({ name }: { readonly name: string }): void {
  if (/^[\w~-][\w.~-]*$/.test(name)) return
  throw new TypeError(
    `task name ${JSON.stringify(name)} cannot be part of a path: letters, digits and . _ ~ - can. Leave the task out, and enqueue it by its queue`,
  )
}
