/// <reference lib="esnext.disposable" />

import type { HandlerContext } from '../attempt/handler.js'
import type { SqlExecutor } from '../driver.js'
import type { JsonObject, JsonValue } from '../json.js'
import type { Lease, Message, MessageRef, StoredMessage } from '../message.js'
import type { RetryPolicy } from '../retry/policy.js'
import type { DeadLetter, DeadLetterFilter } from '../statements/letters.js'
import type { ArchivedMessage, QueueInfo, QueueMetrics } from '../statements/queues.js'
import type { TaskFor } from '../task.js'

export interface EnqueueOptions {
  /**
   * Hidden for so long before it may run. Measured by the database's clock, at the time of the insert. Give this or `runAt`.
   *
   * @defaultValue 0
   */
  readonly delaySeconds?: number
  readonly runAt?: Date
  /** Stored beside the body. Those named `x-job-…` that are the library's own are dropped. */
  readonly headers?: JsonObject
  /** @defaultValue the client's */
  readonly notify?: boolean
}

export interface EnqueueResult<Output = unknown> extends MessageRef<Output> {
  readonly status: 'enqueued'
}

export interface DequeueOptions {
  /** @defaultValue the client's, 30 */
  readonly visibilitySeconds?: number
  /**
   * Waits so long for a message, by polling.
   *
   * @defaultValue 0
   */
  readonly waitSeconds?: number
  readonly signal?: AbortSignal
}

export interface Page<T> {
  readonly items: readonly T[]
  /** For `after` of the next page; `null` on the last. */
  readonly nextCursor: string | null
}

export interface PageOptions {
  /** @defaultValue 100 */
  readonly limit?: number
  readonly after?: string
}

export interface Queues {
  /**
   * Creates the queue and its `_dlq`, where they are missing; new ones with autovacuum settings fit for a queue, unless
   * the client's `tuneQueues` is `false`.
   *
   * @throws QUEUE_NAME_INVALID, EXTENSION_MISSING, PERMISSION_DENIED
   */
  create(queue: string, options?: { readonly unlogged?: boolean }): Promise<void>
  /**
   * Gives a queue that is there already, its archive, and its `_dlq`, the autovacuum settings that new ones get. May be
   * run again. Stops nobody; waits up to 5 s for a vacuum that is at the table.
   *
   * @throws QUEUE_NOT_FOUND, PERMISSION_DENIED for who does not own its tables, QUERY_FAILED with `sqlState` 57014 when a
   * vacuum took longer
   */
  tune(queue: string): Promise<void>
  /** Removes the queue with all its messages and its archive; its dead-letter queue stays. `false`: there was none. */
  drop(queue: string): Promise<boolean>
  /** Removes every message, leased ones included. Resolves to how many. */
  purge(queue: string): Promise<number>
  /** Queues under the client's prefix, by their names without it. */
  list(): Promise<readonly QueueInfo[]>
  metrics(queue: string): Promise<QueueMetrics>
  /** Looks without leasing, by id. */
  peek(queue: string, options?: PageOptions): Promise<Page<StoredMessage>>
  archived(queue: string, options?: PageOptions & { readonly task?: string }): Promise<Page<ArchivedMessage>>
}

export interface RedriveOptions {
  /** Letters a second at the most; without it as fast as it goes. */
  readonly perSecond?: number
  /** What to enqueue instead of the original body. */
  readonly edit?: (body: JsonValue, letter: DeadLetter) => JsonValue | Promise<JsonValue>
  readonly signal?: AbortSignal
}

/** `queue` is the original queue, never its `_dlq`. */
export interface DeadLetters {
  list(queue: string, options?: DeadLetterFilter & PageOptions): Promise<Page<DeadLetter>>
  /**
   * Puts them back with body and headers as they were, or as `edit` makes them. Each is moved in one statement. Letters that
   * are written meanwhile stay.
   */
  redrive(queue: string, filter: DeadLetterFilter, options?: RedriveOptions): Promise<{ readonly redriven: number }>
  purge(queue: string, filter: DeadLetterFilter): Promise<number>
}

/** `Connection` is what `with` takes besides an executor; `never` by default, so that every adapter's client is a `PgmqClient`. */
export interface PgmqClient<in Connection = never> extends AsyncDisposable {
  /**
   * Adds one job. The queue, and its `_dlq`, are created when missing.
   *
   * On a pool, concurrent calls share a statement; each gets its own id or its own error.
   *
   * @throws INPUT_INVALID, BODY_NOT_SERIALIZABLE, QUEUE_NAME_INVALID, CONFIGURATION_INVALID; before anything is written
   * @throws OUTCOME_UNKNOWN when the connection broke before the reply: the job may be there, and is never sent again by itself
   * @example await client.enqueue(sendWelcomeEmail, { email: 'ada@example.com' })
   * @example await client.enqueue('user_tasks', { task: 'send_welcome_email', email: 'ada@example.com' })
   */
  enqueue<Input extends object = JsonObject, Output = unknown>(
    taskOrQueue: TaskFor<Input, Output> | string,
    input: NoInfer<Input>,
    options?: EnqueueOptions,
  ): Promise<EnqueueResult<Output>>
  /**
   * Adds up to 50,000 jobs or 64 MiB of them, all or none, in one statement; results in the order of `inputs`.
   *
   * @throws BATCH_TOO_LARGE, and what `enqueue` throws
   * @example await client.enqueueMany(sendWelcomeEmail, users, (user, i) => ({ delaySeconds: i }))
   */
  enqueueMany<Input extends object = JsonObject, Output = unknown>(
    taskOrQueue: TaskFor<Input, Output> | string,
    inputs: readonly NoInfer<Input>[],
    options?: EnqueueOptions | ((input: Input, index: number) => EnqueueOptions),
  ): Promise<readonly EnqueueResult<Output>[]>
  /**
   * Any number of jobs, in bounded memory: nothing is sent until it is iterated, then one chunk at a time, each all or
   * none; one that is too large for a statement is halved. Once a part is committed, an error says how many jobs that were,
   * and is not retryable.
   *
   * @example for await (const chunk of client.enqueueStream(sendWelcomeEmail, rows)) count += chunk.length
   */
  enqueueStream<Input extends object = JsonObject, Output = unknown>(
    taskOrQueue: TaskFor<Input, Output> | string,
    inputs: AsyncIterable<NoInfer<Input>> | Iterable<NoInfer<Input>>,
    options?: EnqueueOptions & { readonly chunkSize?: number; readonly signal?: AbortSignal },
  ): AsyncIterable<readonly EnqueueResult<Output>[]>
  /**
   * The same client on your connection: what it does commits, or rolls back, with your transaction.
   *
   * @throws CONFIGURATION_INVALID for a pool, or another driver's connection
   */
  with(connection: Connection | SqlExecutor): PgmqClient<Connection>

  /** Leases one message, or `null` when none is visible (after `waitSeconds`, if given). @throws QUEUE_NOT_FOUND */
  dequeue(queue: string, options?: DequeueOptions): Promise<Message | null>
  dequeueMany(queue: string, options: DequeueOptions & { readonly limit: number }): Promise<readonly Message[]>
  /** Moves a finished message to the archive. `false`: the lease was lost, or there is no such message. */
  archive(message: Lease | MessageRef): Promise<boolean>
  delete(message: Lease | MessageRef): Promise<boolean>
  /** Visible again in so many seconds; 0 releases it. By a bare reference it also ends a delivery that runs. */
  setVisibility(message: Lease | MessageRef, seconds: number): Promise<boolean>
  /** Those that were there, and ours where they had a receipt. */
  archiveMany(messages: readonly (Lease | MessageRef)[]): Promise<readonly MessageRef[]>
  deleteMany(messages: readonly (Lease | MessageRef)[]): Promise<readonly MessageRef[]>
  /**
   * Runs `processor` once, with heartbeat and time-out, and settles: archive, retry with backoff, or dead letter. `null`
   * when it failed. A retry "at once" is visible at once, not run again by this call; after a time-out it is a lease's
   * length away, since the processor may go on.
   *
   * The heartbeat takes a connection of the pool for a moment, so one must be free: a processor that holds the only one
   * loses its lease. On a transaction's connection there is no heartbeat.
   *
   * @throws LEASE_LOST when another has the message
   */
  processWithRetry<R>(
    message: Message,
    processor: (body: JsonValue, context: HandlerContext<Connection, unknown>) => R | Promise<R>,
    options?: { readonly retry?: RetryPolicy; readonly timeoutSeconds?: number },
  ): Promise<R | null>

  readonly queues: Queues
  readonly deadLetters: DeadLetters
  /**
   * Waits for the calls that are under way, then ends what this client opened itself; a pool that you passed stays yours.
   * Of `client.with(…)` it closes nothing.
   */
  close(): Promise<void>
}
