import { conclude } from '../attempt/conclude.js'
import { AttemptContext, type AttemptHost } from '../attempt/context.js'
import type { HandlerContext } from '../attempt/handler.js'
import { taskNameOf } from '../attempt/input.js'
import { endingStatement } from '../attempt/operation.js'
import { failureOf, undone } from '../attempt/outcome-of.js'
import { errorText, isPgmqError, pgmqError } from '../errors.js'
import type { JsonValue } from '../json.js'
import { type Fence, fenceOf, type Message } from '../message.js'
import { checkRetry, seconds as checkSeconds, DEFAULTS, positive } from '../options.js'
import { assertRoomForLetters, isDeadLetterQueue } from '../queue-name.js'
import { type History, readHistory, unrecordedHistory } from '../retry/history.js'
import type { Outcome } from '../retry/outcome.js'
import { type ResolvedRetryPolicy, type RetryPolicy, resolveRetry } from '../retry/policy.js'
import { type Doing, Session } from '../session.js'
import { completion } from '../statements/completion.js'
import { extend } from '../statements/extend.js'
import { archive } from '../statements/settle.js'
import type { ClientContext } from './context.js'
import { executorOf } from './create-client.js'
import { makeQueue } from './make-queue.js'
import type { PgmqClient } from './pgmq-client.js'

/** Timers hold 31 bits. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

export interface ProcessOptions {
  readonly retry?: RetryPolicy
  /** @defaultValue 900 */
  readonly timeoutSeconds?: number
}

/** One attempt at one message that the caller leased, and its end. */
export async function processWithRetry<R, Connection>(
  client: PgmqClient<Connection>,
  context: ClientContext,
  message: Message,
  processor: (body: JsonValue, context: HandlerContext<Connection>) => R | Promise<R>,
  options: ProcessOptions = {},
): Promise<R | null> {
  checkRetry(options.retry)
  assertRoomForLetters(context.existing(message.queue))
  const timeoutMs = positive('timeoutSeconds', options.timeoutSeconds ?? DEFAULTS.timeoutSeconds) * 1000
  const policy = resolveRetry(options.retry, context.shared.options.retry)
  const attempt = new SingleAttempt(context, message, fenceOf(message), policy)
  const outcome = await attempt.run(timeoutMs, (host) => {
    const handlerContext = new AttemptContext(host, taskNameOf(message) ?? '', client, context.shared.options.logger)
    return processor(message.body, handlerContext as unknown as HandlerContext<Connection>)
  })
  const settled = await attempt.settle(outcome)
  return settled.kind === 'succeeded' ? (settled.output as R) : null
}

class SingleAttempt {
  readonly #context: ClientContext
  readonly #message: Message
  readonly #fence: Fence
  readonly #policy: ResolvedRetryPolicy
  readonly #controller = new AbortController()
  #completing = false

  constructor(context: ClientContext, message: Message, fence: Fence, policy: ResolvedRetryPolicy) {
    this.#context = context
    this.#message = message
    this.#fence = fence
    this.#policy = policy
  }

  /** Runs under a heartbeat and a time-out. @throws LEASE_LOST when another has the message already */
  async run(timeoutMs: number, process: (host: AttemptHost) => unknown): Promise<Outcome> {
    // A transaction's connection belongs to the processor while it runs, so nobody can extend the lease there.
    const heartbeat = this.#context.pooled ? await this.#startHeartbeat() : undefined
    let timer: unknown
    const timeout = new Promise<Outcome>((resolve) => {
      timer = setTimeout(
        () => {
          const error = new Error(`message ${this.#message.id} ran out of time: it may take ${timeoutMs / 1000} s`)
          this.#controller.abort(error)
          resolve({ kind: 'timedOut', error })
        },
        Math.min(timeoutMs, LONGEST_TIMER_MS),
      )
    })
    try {
      return await Promise.race([this.#outcome(process), timeout])
    } finally {
      clearTimeout(timer)
      heartbeat?.stop()
    }
  }

  /** Ends the lease by the outcome, and resolves to the outcome that counted. @throws LEASE_LOST */
  async settle(ended: Outcome): Promise<Outcome> {
    const { options } = this.#context.shared
    const queue = this.#context.existing(this.#message.queue)
    if (this.#completing && (await this.#completed())) return ended
    const outcome = this.#completing ? undone(this.#message, ended) : ended
    const history = this.#history()
    const policy = { ...this.#policy, unknownTaskSeconds: DEFAULTS.unknownTaskSeconds }
    const hasDeadLetterQueue = !isDeadLetterQueue(queue.physical)
    const { operation, decision } = conclude(
      {
        readCount: this.#message.readCount,
        history,
        outcome,
        policy,
        onSuccess: 'archive',
        hasDeadLetterQueue,
        leastDelaySeconds: 0,
        keepPlace: false,
      },
      Math.random,
    )
    if (operation.kind === 'deadLetter' && options.createQueues) await makeQueue(this.#context, queue)
    const doing: Doing = {
      verb: `settle message ${this.#message.id} of "${this.#message.queue}"`,
      grants: `grant select, update, delete on pgmq."q_{q}"; ${operation.kind === 'deadLetter' ? 'grant insert on pgmq."q_{q}_dlq"' : 'grant select, insert on pgmq."a_{q}"'}`,
    }
    const { keys } = await this.#context.session.run(queue, doing, (shape) =>
      endingStatement(operation.kind, shape, [this.#fence], [operation]),
    )
    if (keys.length === 0) throw this.#lost()
    this.#log(decision.kind, history.failures, policy.maxRetries, outcome)
    return outcome
  }

  #history(): History {
    const { queue, readCount, headers } = this.#message
    const shape = this.#context.shared.knowledge.shapes.get(this.#context.existing(queue).physical)
    return shape?.headers === false
      ? unrecordedHistory(readCount, this.#policy.maxRetries)
      : readHistory(readCount, headers)
  }

  #log(decision: string, failures: number, maxRetries: number, outcome: Outcome): void {
    const { logger } = this.#context.shared.options
    const { queue, id } = this.#message
    const error = 'error' in outcome ? outcome.error : undefined
    if (decision === 'retry')
      logger?.warn({ queue, id, err: error }, `Message ${id} failed, retrying (attempt ${failures + 1}/${maxRetries})`)
    if (decision === 'deadLetter')
      logger?.error({ queue, id, err: error }, `Message ${id} failed after ${failures} retries: ${errorText(error)}`)
  }

  async #outcome(process: (host: AttemptHost) => unknown): Promise<Outcome> {
    try {
      const output = await process({
        message: this.#message,
        attempt: this.#history().failures + 1,
        signal: this.#controller.signal,
        extend: (seconds) => this.#extend(seconds),
        completeWith: (connection) => this.#completeWith(connection),
      })
      return { kind: 'succeeded', output }
    } catch (error) {
      return failureOf(error)
    }
  }

  /** The first beat is at once: the lease may be old, or shorter than the client's. @throws LEASE_LOST */
  async #startHeartbeat(): Promise<{ stop(): void }> {
    const seconds = this.#context.shared.options.visibilitySeconds
    const intervalMs = Math.min((seconds * 1000) / 3, LONGEST_TIMER_MS)
    let stopped = false
    let timer: unknown
    const beat = async (): Promise<void> => {
      try {
        await this.#extend(seconds)
      } catch (error) {
        // Whatever else it is may have passed at the next beat.
        if (isPgmqError(error, 'LEASE_LOST')) throw error
      }
      if (!stopped) timer = setTimeout(() => void beat().catch(lost), intervalMs)
    }
    const lost = (error: unknown): void => {
      if (!stopped) this.#controller.abort(error)
    }
    await beat()
    return {
      stop() {
        stopped = true
        clearTimeout(timer)
      },
    }
  }

  async #extend(seconds: number): Promise<void> {
    const queue = this.#context.existing(this.#message.queue)
    const doing: Doing = {
      verb: `extend the lease of message ${this.#message.id}`,
      grants: 'grant select, update on pgmq."q_{q}"',
    }
    const verdicts = await this.#context.session.run(queue, doing, (shape) =>
      extend(shape, [this.#fence], positive('seconds', checkSeconds('seconds', seconds))),
    )
    if (verdicts.values().next().value === 'lost' && !this.#completing) throw this.#lost()
  }

  async #completeWith(connection: unknown): Promise<void> {
    const { shared } = this.#context
    const session = new Session(executorOf(shared, connection), shared.knowledge)
    this.#completing = true
    const doing: Doing = {
      verb: `complete message ${this.#message.id} in your transaction`,
      grants: 'grant select, update, delete on pgmq."q_{q}"; grant select, insert on pgmq."a_{q}"',
    }
    const { keys } = await session.run(this.#context.existing(this.#message.queue), doing, (shape) =>
      archive(shape, [this.#fence], [null]),
    )
    if (keys.length === 0) throw this.#lost()
  }

  /** True: its transaction has settled it, or will. Rolled back: false, and it is settled as any other. */
  async #completed(): Promise<boolean> {
    const doing: Doing = {
      verb: `look after message ${this.#message.id}`,
      grants: 'grant select, update on pgmq."q_{q}"; grant select on pgmq."a_{q}"',
    }
    const state = await this.#context.session.run(this.#context.existing(this.#message.queue), doing, (shape) =>
      completion(shape, this.#fence, true),
    )
    if (state === 'lost') throw this.#lost()
    return state !== 'undone'
  }

  #lost(): Error {
    const { queue, id, receipt } = this.#message
    return pgmqError(
      'LEASE_LOST',
      `lease on message ${id} of "${queue}" is lost: it ran out and another has it, or the message is gone`,
      { lease: { queue, id, receipt } },
    )
  }
}
