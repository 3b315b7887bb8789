import type { HandlerMiddleware, Handlers, Tasks } from '../attempt/handler.js'
import { checkRetry, days, positive, seconds, wholeNumber } from '../checks.js'
import type { PgmqClient } from '../client/pgmq-client.js'
import { configurationInvalid } from '../errors.js'
import { guarded, type Logger } from '../logger.js'
import { DEFAULTS, type ResolvedClientOptions } from '../options.js'
import type { RetryPolicy } from '../retry/policy.js'

export interface WorkerOptions<T extends Tasks, Connection> {
  readonly client: PgmqClient<Connection>
  /** Usually `import * as tasks from './tasks.js'`. */
  readonly tasks: T
  readonly handlers: Handlers<T, Connection>
  /**
   * Handlers at once, over all queues.
   *
   * @defaultValue 16
   */
  readonly concurrency?: number
  /**
   * An idle worker looks for work this often, besides being notified.
   *
   * @defaultValue 1000
   */
  readonly pollIntervalMs?: number
  /**
   * How long a stop waits for handlers before their signals abort.
   *
   * @defaultValue 20
   */
  readonly graceSeconds?: number
  /**
   * Deliveries alone in their process without an end that convict a job of killing it.
   *
   * @defaultValue 3
   */
  readonly crashLimit?: number
  /**
   * A task that no worker knows is tried again for so long.
   *
   * @defaultValue 900
   */
  readonly unknownTaskSeconds?: number
  /** Queues come from the tasks; name one here to tune it. */
  readonly queues?: { readonly [Q in T[keyof T]['queue']]?: QueueOptions }
  readonly middleware?: readonly HandlerMiddleware[]
  /** @defaultValue the client's */
  readonly logger?: Logger
}

export interface QueueOptions {
  /**
   * Its part of the worker's slots where queues compete for them: of weights 4 and 1, the first gets four fifths of the
   * slots' time, however long the handlers of either take. What one does not need the others get. No weight starves
   * another; and none holds a slot free, so a queue behind long handlers waits for one to end: `concurrency` of their
   * queue limits that.
   *
   * @defaultValue 1
   */
  readonly weight?: number
  /** Handlers of this queue at once, within the worker's own limit. */
  readonly concurrency?: number
  /** @defaultValue the client's, 30 */
  readonly visibilitySeconds?: number
  /** Of its tasks that set none. @defaultValue 900 */
  readonly timeoutSeconds?: number
  readonly retry?: RetryPolicy
  /** @defaultValue 'archive' */
  readonly onSuccess?: 'archive' | 'delete'
  /**
   * What lies in the archive of this queue for longer is deleted, by the database's clock: a thousand messages at a time,
   * with pauses, by one worker at a time however many have it. Fractions are fine. What it deletes is gone for good;
   * without it the archive grows for ever. The archive of the dead-letter queue stays.
   *
   * Where it cannot be done, for want of a grant say, that is logged, and the worker goes on.
   *
   * @example createWorker({ client, tasks, handlers, queues: { user_tasks: { retainArchive: { days: 30 } } } })
   */
  readonly retainArchive?: { readonly days: number }
}

export interface ResolvedWorkerOptions {
  readonly concurrency: number
  readonly pollIntervalMs: number
  readonly graceSeconds: number
  readonly crashLimit: number
  readonly unknownTaskSeconds: number
  readonly middleware: readonly HandlerMiddleware[]
  readonly logger: Logger | undefined
}

/** @throws CONFIGURATION_INVALID naming the field */
export function resolveWorkerOptions<T extends Tasks, C>(
  options: WorkerOptions<T, C>,
  client: ResolvedClientOptions,
): ResolvedWorkerOptions {
  const queues: Readonly<Record<string, QueueOptions | undefined>> = options.queues ?? {}
  for (const [name, queue] of Object.entries(queues)) checkQueue(name, queue ?? {}, options.tasks)
  return {
    concurrency: wholeNumber('concurrency', options.concurrency ?? DEFAULTS.concurrency, 1),
    pollIntervalMs: positive('pollIntervalMs', options.pollIntervalMs ?? DEFAULTS.pollIntervalMs),
    graceSeconds: seconds('graceSeconds', options.graceSeconds ?? DEFAULTS.graceSeconds),
    crashLimit: wholeNumber('crashLimit', options.crashLimit ?? DEFAULTS.crashLimit, 1),
    unknownTaskSeconds: seconds('unknownTaskSeconds', options.unknownTaskSeconds ?? DEFAULTS.unknownTaskSeconds),
    middleware: options.middleware ?? [],
    logger: options.logger ? guarded(options.logger) : client.logger,
  }
}

function checkQueue(name: string, options: QueueOptions, tasks: Tasks): void {
  const field = `queues.${name}`
  if (!Object.values(tasks).some((task) => task.queue === name))
    throw configurationInvalid(field, `${field} is no queue of this worker's tasks`)
  if (options.concurrency !== undefined) wholeNumber(`${field}.concurrency`, options.concurrency, 1)
  if (options.weight !== undefined) positive(`${field}.weight`, options.weight)
  if (options.visibilitySeconds !== undefined) positive(`${field}.visibilitySeconds`, options.visibilitySeconds)
  if (options.timeoutSeconds !== undefined) positive(`${field}.timeoutSeconds`, options.timeoutSeconds)
  if (options.retainArchive !== undefined) days(`${field}.retainArchive.days`, options.retainArchive?.days)
  checkRetry(options.retry)
}
