import { errorText, type PgmqError } from '../errors.js'
import type { Logger } from '../logger.js'
import type { Message } from '../message.js'
import type { DeadLetterReason } from '../retry/decide.js'

export interface JobEvent {
  /** The body's task; empty where it names none. */
  readonly task: string
  readonly message: Message
  readonly attempt: number
  /** From the start of its handler; 0 where none ran. */
  readonly durationMs: number
}

/** Every step of the lifecycle. Those that end a delivery come once its end is in the database. */
export interface WorkerEvents {
  started: Omit<JobEvent, 'durationMs'>
  succeeded: JobEvent & { readonly output: unknown }
  retried: JobEvent & { readonly error: unknown; readonly delaySeconds: number; readonly maxRetries: number }
  deadLettered: JobEvent & { readonly error: unknown; readonly reason: DeadLetterReason; readonly retryCount: number }
  snoozed: JobEvent & { readonly delaySeconds: number }
  /** The handler ran out of time; `retried` or `deadLettered` follows. */
  timedOut: JobEvent
  /** Another has the message, or nobody: its result was not saved. */
  leaseLost: JobEvent
  /** Given back without a verdict: unstarted, or cut off by a stop. */
  released: Omit<JobEvent, 'durationMs'>
  /** A delivery that follows others without an end on record. */
  crashed: Omit<JobEvent, 'durationMs'> & { readonly crashes: number }
  /** The end of a delivery could not be written; the message waits, and is tried again. */
  parked: JobEvent & { readonly error: unknown }
  /**
   * The event loop was blocked for a sixth of the worker's shortest `visibilitySeconds`, and half a second at least: by the
   * default for 5 s. Meanwhile no lease is extended, nothing is settled, no signal is seen.
   *
   * `task`: whose handler did it. Certain where that was before its first `await`; else the only one that ran, so most
   * likely; `null` where it cannot be told. Found by a timer every 500 ms, so a later block may have been that much longer.
   */
  eventLoopBlocked: { readonly task: string | null; readonly blockedMs: number }
  connection: { readonly up: boolean; readonly error?: PgmqError }
}

export type WorkerEventName = keyof WorkerEvents
type Listener = (event: never) => unknown

export class Emitter {
  readonly #listeners = new Map<WorkerEventName, Set<Listener>>()
  readonly #logger: Logger | undefined

  constructor(logger: Logger | undefined) {
    this.#logger = logger
  }

  on<E extends WorkerEventName>(event: E, listener: (event: WorkerEvents[E]) => void): () => void {
    const listeners = this.#listeners.get(event) ?? new Set()
    this.#listeners.set(event, listeners.add(listener))
    return () => void listeners.delete(listener)
  }

  /** `make` runs only where somebody listens. A listener that throws, or rejects, is logged; nothing ends the process. */
  emit<E extends WorkerEventName>(event: E, make: () => WorkerEvents[E]): void {
    const listeners = this.#listeners.get(event)
    if (!listeners?.size) return
    const payload = make()
    for (const listener of [...listeners]) {
      const failed = (error: unknown): void =>
        this.#logger?.error({ event, err: error }, `a listener of the worker's "${event}" threw: ${errorText(error)}`)
      try {
        const returned: unknown = listener(payload as never)
        if (returned instanceof Promise) returned.catch(failed)
      } catch (error) {
        failed(error)
      }
    }
  }
}
