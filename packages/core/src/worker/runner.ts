import { AttemptContext, type AttemptHost } from '../attempt/context.js'
import type { HandlerMiddleware } from '../attempt/handler.js'
import { noTask, parseInput, taskNameOf, unknownTask } from '../attempt/input.js'
import { failureOf, successOf } from '../attempt/outcome-of.js'
import type { PgmqClient } from '../client/pgmq-client.js'
import type { Logger } from '../logger.js'
import type { Message } from '../message.js'
import { DEFAULTS } from '../options.js'
import type { Outcome } from '../retry/outcome.js'
import { isLater } from '../schema.js'
import type { Delivery } from './delivery.js'
import type { Emitter } from './events.js'
import type { LoopBlocks } from './loop-blocks.js'
import { type RegisteredTask, timeoutMsOf } from './registry.js'
import { Timeouts } from './timeouts.js'

export interface RunnerHost {
  readonly client: PgmqClient
  readonly logger: Logger | undefined
  readonly events: Emitter
  readonly middleware: readonly HandlerMiddleware[]
  extend(delivery: Delivery, seconds: number): Promise<void>
  completeWith(delivery: Delivery, connection: unknown, output: unknown): Promise<void>
  /** The delivery's end is known; its slot is free. Called once a delivery. */
  ended(delivery: Delivery, outcome: Outcome): void
  /** The number of strays changed. */
  strayed(change: 1 | -1): void
}

/** Runs one delivery: finds its task, checks its input, calls its handler, and says how it ended. */
export class Runner {
  readonly #host: RunnerHost
  readonly #blocks: LoopBlocks
  readonly timeouts: Timeouts = new Timeouts((delivery) => this.#expire(delivery))

  constructor(host: RunnerHost, blocks: LoopBlocks) {
    this.#host = host
    this.#blocks = blocks
  }

  start(delivery: Delivery): void {
    const { task, queue } = delivery
    delivery.state = 'running'
    delivery.startedMs = performance.now()
    // From here on, since a schema may hang as well.
    if (task) this.timeouts.watch(delivery, delivery.startedMs + timeoutMsOf(task.task, queue.options.timeoutSeconds))
    const outcome = this.#outcome(delivery)
    this.#blocks.begun(delivery, performance.now())
    void outcome.then((known) => this.#end(delivery, known))
  }

  /** Never rejects. */
  async #outcome(delivery: Delivery): Promise<Outcome> {
    const { message, task } = delivery
    const name = taskNameOf(message)
    if (name === null) return noTask(message)
    if (!task) return unknownTask(message, name)
    const parsing = parseInput(task.task, message)
    const parsed = parsing instanceof Promise ? await parsing : parsing
    if ('outcome' in parsed) return parsed.outcome
    try {
      const returning = this.#call(delivery, task, parsed.input)
      const returned = isLater(returning) ? await returning : returning
      if (delivery.timedOut) return timedOut(delivery, task)
      const success = successOf(task.task, returned)
      return success instanceof Promise ? await success : success
    } catch (error) {
      return delivery.timedOut ? timedOut(delivery, task) : failureOf(error)
    }
  }

  #call(delivery: Delivery, { task, handle }: RegisteredTask, input: unknown): unknown {
    const { events, client, logger, middleware } = this.#host
    events.emit('started', () => ({ task: task.name, message: delivery.message, attempt: delivery.attempt }))
    const context = new AttemptContext(new Attempt(this.#host, delivery), task.name, client, logger)
    if (middleware.length === 0) return handle(input, context)
    const innermost = async (): Promise<unknown> => await handle(input, context)
    return middleware.reduceRight<() => Promise<unknown>>((next, step) => () => step(context, next), innermost)()
  }

  /** Out of time: the signal aborts. A handler that does not end soon after frees its slot and is a stray from then on. */
  #expire(delivery: Delivery): void {
    if (delivery.state !== 'running' || !delivery.task) return
    const { events } = this.#host
    if (delivery.timedOut) {
      delivery.stray = true
      this.#host.strayed(1)
      this.#host.ended(delivery, timedOut(delivery, delivery.task))
      return
    }
    delivery.timedOut = true
    const outcome = timedOut(delivery, delivery.task)
    delivery.abort(outcome.error)
    events.emit('timedOut', () => ({
      task: delivery.task?.task.name ?? '',
      message: delivery.message,
      attempt: delivery.attempt,
      durationMs: performance.now() - delivery.startedMs,
    }))
    this.timeouts.watch(delivery, performance.now() + DEFAULTS.straySeconds * 1000)
  }

  #end(delivery: Delivery, outcome: Outcome): void {
    this.timeouts.forget(delivery)
    delivery.returned = true
    if (delivery.stray) return this.#host.strayed(-1)
    this.#host.ended(delivery, outcome)
    this.#blocks.ended(delivery)
  }
}

function timedOut({ queue }: Delivery, { task }: RegisteredTask): Extract<Outcome, { kind: 'timedOut' }> {
  const seconds = timeoutMsOf(task, queue.options.timeoutSeconds) / 1000
  const error = new Error(`task "${task.name}" ran out of time: it may take ${seconds} s`)
  error.name = 'TimeoutError'
  return { kind: 'timedOut', error }
}

/** One for each attempt, so it has nothing of its own. */
class Attempt implements AttemptHost {
  readonly #host: RunnerHost
  readonly #delivery: Delivery

  constructor(host: RunnerHost, delivery: Delivery) {
    this.#host = host
    this.#delivery = delivery
  }
  get message(): Message {
    return this.#delivery.message
  }
  get attempt(): number {
    return this.#delivery.attempt
  }
  get signal(): AbortSignal {
    return this.#delivery.signal
  }
  extend(seconds: number): Promise<void> {
    return this.#host.extend(this.#delivery, seconds)
  }
  completeWith(connection: unknown, output: unknown): Promise<void> {
    return this.#host.completeWith(this.#delivery, connection, output)
  }
}
