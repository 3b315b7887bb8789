import type { PgmqClient } from '../client/pgmq-client.js'
import type { SqlExecutor } from '../driver.js'
import type { Logger } from '../logger.js'
import type { Message } from '../message.js'
import type { Task, TaskParsed, TaskReturned } from '../task.js'

/** What a handler is given besides its input. Functions are properties, not methods: destructure them freely. */
export interface HandlerContext<in Connection = never, in Returned = never> {
  readonly message: Message
  readonly task: string
  /** 1 for the first; 1 + failures so far. A crash or a snooze is no failure. */
  readonly attempt: number
  /** Aborts on time-out, on a lost lease, and when the grace of a stop ends. */
  readonly signal: AbortSignal
  /** Its lines carry queue, id, task and attempt. Silent where the worker has no logger. */
  readonly log: Logger
  readonly client: PgmqClient<Connection>
  /** Asks for more time than the heartbeat gives; moves the lease, not the time-out. @throws LEASE_LOST */
  readonly extend: (seconds: number) => Promise<void>
  /**
   * Acknowledges inside your transaction: effect and acknowledgement commit together, or neither does. Under REPEATABLE
   * READ or SERIALIZABLE call it first in the transaction.
   *
   * @throws LEASE_LOST
   */
  readonly completeWith: (connection: Connection | SqlExecutor, output?: Returned) => Promise<void>
}

export type HandlerFunction<T extends Task, Connection = never> = (
  input: TaskParsed<T>,
  context: HandlerContext<Connection, TaskReturned<T>>,
) => TaskReturned<T> | Promise<TaskReturned<T>>

/** A function, or an object when the handler has options of its own. */
export type Handler<T extends Task, Connection = never> =
  | HandlerFunction<T, Connection>
  | {
      readonly handle: HandlerFunction<T, Connection>
      /** Of this task at once, within the worker's own limit. */
      readonly concurrency?: number
    }

export type Tasks = Readonly<Record<string, Task>>

/** One handler for each task, under the same key. */
export type Handlers<T extends Tasks, Connection = never> = { readonly [K in keyof T]: Handler<T[K], Connection> }

/**
 * Around every handler, the first outermost. What it returns is the job's output; what it throws, its failure.
 *
 * @example const timed: HandlerMiddleware = async ({ log, task }, next) => { const t = performance.now(); try { return await next() } finally { log.info({ ms: performance.now() - t }, task) } }
 */
export type HandlerMiddleware = (context: HandlerContext, next: () => Promise<unknown>) => Promise<unknown>
