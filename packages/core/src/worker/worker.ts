/// <reference lib="esnext.disposable" />
import type { WorkerEvents } from './events.js'

export interface DrainResult {
  readonly succeeded: number
  readonly retried: number
  readonly snoozed: number
  readonly deadLettered: number
  /** Leases that were lost: their messages are delivered again. */
  readonly lost: number
  /** It ended for want of time or by `maxMessages`: there is more to do. */
  readonly more: boolean
}

export interface WorkerHealth {
  readonly state: 'idle' | 'running' | 'stopping' | 'stopped'
  /** Fit for work: running, connected, no dead letter unwritten, and not all slots lost to strays. */
  readonly ready: boolean
  readonly connected: boolean
  /** Handlers that run. */
  readonly inFlight: number
  /** Handlers that outlived their time-out and gave up their slot. */
  readonly strays: number
  readonly unwrittenDeadLetters: number
  readonly lastLeaseAt: Date | null
  /** Of the deliveries that run. */
  readonly oldestLeaseSeconds: number | null
  /** How late a timer was, at the worst within the last second. */
  readonly eventLoopDelayMs: number
}

export interface Worker extends AsyncDisposable {
  /**
   * Resolves once it is fetching. Creates queues that are missing. Aborting `signal` is a `stop()`.
   *
   * @throws CONNECTION_LOST, EXTENSION_MISSING, PERMISSION_DENIED, QUEUE_NOT_FOUND, CONFIGURATION_INVALID
   */
  start(options?: { readonly signal?: AbortSignal }): Promise<void>
  /**
   * No new lease; running handlers get the grace, then their signal aborts and they have 5 s more.
   *
   * @defaultValue graceSeconds: the worker's, 20
   */
  stop(options?: { readonly graceSeconds?: number }): Promise<void>
  /**
   * Handles what is there and returns: for routes, cron functions and tests. Never leases more than `maxMessages` leaves.
   *
   * @throws what `start` throws, also when it comes up while it runs: a queue that is gone, a grant that was taken away
   */
  drain(options?: {
    readonly maxMs?: number
    readonly maxMessages?: number
    readonly signal?: AbortSignal
  }): Promise<DrainResult>
  health(): WorkerHealth
  /**
   * Returns its own undo. A listener that throws is logged; nothing ends the process.
   *
   * @example const off = worker.on('deadLettered', ({ task, error, reason }) => alert(task, error, reason))
   */
  on<E extends keyof WorkerEvents>(event: E, listener: (event: WorkerEvents[E]) => void): () => void
}
