import { warnOfClash } from '../attempt/archive-clash.js'
import { archivePatch, conclude } from '../attempt/conclude.js'
import type { AttemptHost } from '../attempt/context.js'
import { endingStatement } from '../attempt/operation.js'
import { failureOf, undone } from '../attempt/outcome-of.js'
import { warnOfOutput } from '../attempt/output-left-out.js'
import { seconds as checkSeconds, LONGEST_TIMER_MS, positive } from '../checks.js'
import { errorText, isPgmqError, pgmqError } from '../errors.js'
import type { Fence, Message } from '../message.js'
import { DEFAULTS } from '../options.js'
import { deadLetterQueue, isDeadLetterQueue, type QueueName } from '../queue-name.js'
import { type History, readHistory, unrecordedHistory } from '../retry/history.js'
import type { Outcome } from '../retry/outcome.js'
import type { ResolvedRetryPolicy } from '../retry/policy.js'
import { type Doing, queueNotFound, Session } from '../session.js'
import { completion } from '../statements/completion.js'
import { extend } from '../statements/extend.js'
import type { QueueShape, Statement } from '../statements/parts.js'
import { archive } from '../statements/settle.js'
import type { ClientContext } from './context.js'
import { executorOf } from './executor-of.js'
import { makeQueue } from './make-queue.js'

const LOOK_GRANTS = 'grant select, update on pgmq."q_{q}"'
const DELETE_GRANTS = 'grant select, update, delete on pgmq."q_{q}"'
const ARCHIVE_GRANTS = 'grant select, insert on pgmq."a_{q}"'

/** One delivery that its caller leased: what runs it, and what ends it. */
export class SingleAttempt {
  readonly #context: ClientContext
  readonly #queue: QueueName
  readonly #message: Message
  readonly #fence: Fence
  readonly #policy: ResolvedRetryPolicy
  readonly #controller = new AbortController()
  #completing = false
  /** Not where the archive had another message of its id when `completeWith` finished it. */
  #inArchive = true

  constructor(context: ClientContext, message: Message, fence: Fence, policy: ResolvedRetryPolicy) {
    this.#context = context
    this.#queue = context.existing(message.queue)
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
    if (this.#completing && (await this.#completed())) return ended
    const outcome = this.#completing ? undone(this.#message, ended) : ended
    const { options } = this.#context.shared
    const history = await this.#history()
    const { operation, decision, outputLeftOut } = conclude(
      {
        readCount: this.#message.readCount,
        history,
        outcome,
        policy: { ...this.#policy, unknownTaskSeconds: DEFAULTS.unknownTaskSeconds },
        onSuccess: 'archive',
        hasDeadLetterQueue: !isDeadLetterQueue(this.#queue.physical),
        // What ran out of time may still be at work.
        leastDelaySeconds: outcome.kind === 'timedOut' ? options.visibilitySeconds : 0,
        keepPlace: false,
      },
      Math.random,
    )
    const verb = `settle message ${this.#message.id} of "${this.#message.queue}"`
    const buries = operation.kind === 'deadLetter'
    if (buries) await this.#ensureDeadLetterQueue(verb)
    const target = buries ? 'grant insert on pgmq."q_{q}_dlq"' : ARCHIVE_GRANTS
    const { keys, archived } = await this.#run(verb, `${DELETE_GRANTS}; ${target}`, (shape) =>
      endingStatement(operation.kind, shape, [this.#fence], [operation]),
    )
    if (keys.length === 0) throw this.#lost()
    warnOfClash(options.logger, this.#message.queue, keys.length - archived)
    if (outputLeftOut) warnOfOutput(options.logger, this.#message)
    this.#log(decision.kind, history.failures, outcome)
    return outcome
  }

  async #ensureDeadLetterQueue(verb: string): Promise<void> {
    if (this.#context.shared.options.createQueues) return await makeQueue(this.#context, this.#queue, { verb })
    const doing: Doing = { verb, grants: '' }
    const { deadLetterQueue: exists } = await this.#context.session.inspect(this.#queue, doing)
    if (!exists) throw queueNotFound(deadLetterQueue(this.#queue), doing, 'createQueues is off, so create it before')
  }

  #run<T>(
    verb: string,
    grants: string,
    make: (shape: QueueShape) => Statement<T>,
    session: Session = this.#context.session,
  ): Promise<T> {
    return session.run(this.#queue, { verb, grants }, make)
  }

  async #history(): Promise<History> {
    const { readCount, headers } = this.#message
    const { session, shared } = this.#context
    // Not remembered of a table that this very transaction made. Whoever may not look finds out when it settles.
    const look = { verb: `look after "${this.#message.queue}"`, grants: LOOK_GRANTS }
    const shape =
      shared.knowledge.shapes.get(this.#queue.physical) ??
      (await session.inspect(this.#queue, look).catch(() => undefined))?.shape
    return shape?.headers === false
      ? unrecordedHistory(readCount, this.#policy.maxRetries)
      : readHistory(readCount, headers)
  }

  #log(decision: string, failures: number, outcome: Outcome): void {
    const { logger } = this.#context.shared.options
    const { maxRetries } = this.#policy
    const { queue, id } = this.#message
    const error = 'error' in outcome ? outcome.error : undefined
    if (decision === 'retry')
      logger?.warn({ queue, id, err: error }, `Message ${id} failed, retrying (attempt ${failures + 1}/${maxRetries})`)
    if (decision === 'deadLetter')
      logger?.error({ queue, id, err: error }, `Message ${id} failed after ${failures} retries: ${errorText(error)}`)
  }

  async #outcome(process: (host: AttemptHost) => unknown): Promise<Outcome> {
    const { failures } = await this.#history()
    try {
      const output = await process({
        message: this.#message,
        attempt: failures + 1,
        signal: this.#controller.signal,
        extend: (seconds) => this.#extend(seconds),
        completeWith: (connection, output) => this.#completeWith(connection, output),
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
    positive('seconds', checkSeconds('seconds', seconds))
    const verb = `extend the lease of message ${this.#message.id}`
    const verdicts = await this.#run(verb, LOOK_GRANTS, (shape) => extend(shape, [this.#fence], seconds))
    if (verdicts.values().next().value === 'lost' && !this.#completing) throw this.#lost()
  }

  async #completeWith(connection: unknown, output: unknown): Promise<void> {
    const { shared } = this.#context
    const session = new Session(executorOf(shared, connection), shared.knowledge)
    const { patch, leftOut } = archivePatch(await this.#history(), output)
    this.#completing = true
    const verb = `complete message ${this.#message.id} in your transaction`
    const { keys, archived } = await this.#run(
      verb,
      `${DELETE_GRANTS}; ${ARCHIVE_GRANTS}`,
      (shape) => archive(shape, [this.#fence], [patch]),
      session,
    )
    if (keys.length === 0) throw this.#lost()
    this.#inArchive = archived === keys.length
    warnOfClash(shared.options.logger, this.#message.queue, keys.length - archived)
    if (leftOut) warnOfOutput(shared.options.logger, this.#message)
  }

  /** True: its transaction has settled it, or will. Rolled back: false, and it is settled as any other. */
  async #completed(): Promise<boolean> {
    const verb = `look after message ${this.#message.id}`
    const grants = `${LOOK_GRANTS}; grant select on pgmq."a_{q}"`
    const state = await this.#run(verb, grants, (shape) => completion(shape, this.#fence, this.#inArchive))
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
