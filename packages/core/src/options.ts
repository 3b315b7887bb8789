import { checkRetry, positive } from './checks.js'
import type { EnqueueMiddleware } from './client/middleware.js'
import { configurationInvalid } from './errors.js'
import { guarded, type Logger } from './logger.js'
import { type ResolvedRetryPolicy, type RetryPolicy, resolveRetry } from './retry/policy.js'

/** Every number that has a default, in one table. Batch, flush and prefetch bounds as they were measured. */
export const DEFAULTS = {
  visibilitySeconds: 30,
  queryTimeoutSeconds: 30,
  concurrency: 16,
  timeoutSeconds: 900,
  crashLimit: 3,
  unknownTaskSeconds: 900,
  pollIntervalMs: 1_000,
  graceSeconds: 20,
  /** After the grace: handlers' signals have aborted, and this is what is left to them. */
  abortSeconds: 5,
  /** How long a slot waits for a handler that ran out of time before it counts as a stray. */
  straySeconds: 5,
  /** Messages a lease, and a settle, takes at the most. */
  batchSize: 1_000,
  /** Finished deliveries are gathered for so long before they are settled together. */
  flushMs: 3,
  /** Leased ahead of free slots: so much work, but no more than so many bytes of bodies. */
  prefetchMs: 40,
  prefetchBytes: 16_777_216,
  enqueueManyJobs: 50_000,
  enqueueManyBytes: 67_108_864,
  streamChunkSize: 1_000,
  /** Concurrent `enqueue` calls share a statement of at most so many jobs and bytes. */
  sharedJobs: 1_000,
  sharedBytes: 1_048_576,
  notifyThrottleMs: 20,
  /** A queue that a caller's transaction misses is created beside it, within so long. */
  createBesideMs: 2_000,
  /** Output of a handler kept with the archived message. */
  outputBytes: 65_536,
  /** Error text kept with a dead letter. */
  errorBytes: 4_096,
  /** From a sixth of the shortest lease on the event loop counts as blocked, but not before so long. */
  leastBlockedMs: 500,
  /** A message whose dead letter could not be written waits so long. */
  parkSeconds: 300,
} as const

export interface ClientOptions {
  /** `unison` makes `unison_user_tasks` of `user_tasks`. Counts in the 43 characters of a name. */
  readonly queuePrefix?: string
  /**
   * How long a lease lasts, unless it is extended.
   *
   * @defaultValue 30
   */
  readonly visibilitySeconds?: number
  /**
   * How long each statement of a call may take, the wait for a connection of the pool included. Then its connection is
   * closed, and the call rejects: with OUTCOME_UNKNOWN where the statement may have run, else with CONNECTION_LOST. Twenty
   * times as long for what goes through a whole table or carries very much: `purge`, `metrics`, lists by a filter, batches
   * above a thousand messages or 1 MiB. `Infinity`: no limit. None on a connection of yours (`with`); a worker's own have
   * theirs.
   *
   * @defaultValue 30
   */
  readonly queryTimeoutSeconds?: number
  readonly retry?: RetryPolicy
  /**
   * For enqueueing; switched off by itself, with one warning, behind a pooler in transaction mode.
   *
   * @defaultValue true
   */
  readonly preparedStatements?: boolean
  /**
   * `false`: enqueueing into a queue that is not there is QUEUE_NOT_FOUND.
   *
   * @defaultValue true
   */
  readonly createQueues?: boolean
  /**
   * Queues that this client creates get autovacuum settings fit for a queue, in the same step, where its role owns their
   * tables. `false`: they keep the server's. For those that are there already: `client.queues.tune(name)`.
   *
   * @defaultValue true
   */
  readonly tuneQueues?: boolean
  /**
   * Wake workers at once by NOTIFY; without it they find a job within their poll.
   *
   * @defaultValue true
   */
  readonly notify?: boolean
  /** Silent without one. */
  readonly logger?: Logger
  /** Around every enqueue, the first outermost. */
  readonly middleware?: readonly EnqueueMiddleware[]
}

export interface ResolvedClientOptions {
  readonly queuePrefix: string | undefined
  readonly visibilitySeconds: number
  readonly queryTimeoutSeconds: number
  readonly retry: ResolvedRetryPolicy
  readonly preparedStatements: boolean
  readonly createQueues: boolean
  readonly tuneQueues: boolean
  readonly notify: boolean
  readonly logger: Logger | undefined
  readonly middleware: readonly EnqueueMiddleware[]
}

/** @throws CONFIGURATION_INVALID naming the field */
export function resolveClientOptions(options: ClientOptions): ResolvedClientOptions {
  const {
    queuePrefix,
    visibilitySeconds = DEFAULTS.visibilitySeconds,
    queryTimeoutSeconds = DEFAULTS.queryTimeoutSeconds,
    retry,
  } = options
  if (queuePrefix !== undefined && !/^[a-z][a-z0-9_]*$/.test(queuePrefix)) {
    throw configurationInvalid(
      'queuePrefix',
      `queuePrefix ${JSON.stringify(queuePrefix)} is invalid: use lower case letters, digits and _`,
    )
  }
  positive('visibilitySeconds', visibilitySeconds)
  if (queryTimeoutSeconds !== Number.POSITIVE_INFINITY) positive('queryTimeoutSeconds', queryTimeoutSeconds)
  checkRetry(retry)
  return {
    queuePrefix,
    visibilitySeconds,
    queryTimeoutSeconds,
    retry: resolveRetry(retry),
    preparedStatements: options.preparedStatements ?? true,
    createQueues: options.createQueues ?? true,
    tuneQueues: options.tuneQueues ?? true,
    notify: options.notify ?? true,
    logger: guarded(options.logger),
    middleware: options.middleware ?? [],
  }
}
