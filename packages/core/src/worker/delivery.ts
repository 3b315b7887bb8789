import type { Fence, Message } from '../message.js'
import { makeReceipt } from '../message.js'
import type { HeaderPatch } from '../retry/counters.js'
import { type History, readHistory, unrecordedHistory } from '../retry/history.js'
import type { LeasedMessage } from '../statements/lease.js'
import { leaseKey } from '../statements/parts.js'
import type { QueueRun } from './queue-run.js'
import type { RegisteredTask } from './registry.js'

/**
 * `waiting`: leased, its handler not begun. `running`: in a handler. `renewing`: the next delivery takes its place.
 * `ending`: its end is on its way to the database. `over`: nothing more happens to it here.
 */
export type DeliveryState = 'waiting' | 'running' | 'renewing' | 'ending' | 'over'

/** One lease of a message, from the lease's reply to its end. A retry in place makes another. */
export class Delivery {
  readonly queue: QueueRun
  readonly message: Message
  readonly fence: Fence
  readonly history: History
  /** Length of the body's text. */
  readonly size: number
  /** Whether its table has headers, and so counters. */
  readonly recorded: boolean
  /** A process whose loop was blocked may hold one message twice. */
  readonly key: string
  state: DeliveryState = 'waiting'
  task: RegisteredTask | null = null
  /** When the lease ends by our own clock, in `performance.now()`'s milliseconds. */
  deadlineMs: number
  startedMs = 0
  endedMs = 0
  timedOut = false
  /** `completeWith` was called: from then on only its transaction tells the end. */
  completing = false
  lost = false
  /** Its dead-letter queue was looked after once already. */
  triedToBury = false
  /** The slot stopped waiting for a handler that outlived its time-out. */
  stray = false
  /** Its handler has returned, or none ran. */
  returned = false
  /** Called once when it is over. */
  onOver: (() => void) | null = null
  #controller: AbortController | null = null
  #aborted: { readonly reason: unknown } | null = null

  constructor(queue: QueueRun, { message, fence, size, recorded }: LeasedMessage, deadlineMs: number) {
    this.queue = queue
    this.message = message
    this.fence = fence
    this.size = size
    this.recorded = recorded
    this.history = recorded
      ? readHistory(message.readCount, message.headers)
      : unrecordedHistory(message.readCount, queue.policyOf(queue.taskOf(message)?.task ?? null).maxRetries)
    this.key = leaseKey(fence)
    this.deadlineMs = deadlineMs
  }

  get attempt(): number {
    return this.history.failures + 1
  }

  /** Made on first reading: most handlers never ask for it. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      if (this.#aborted) this.#controller.abort(this.#aborted.reason)
    }
    return this.#controller.signal
  }

  get aborted(): boolean {
    return this.#aborted !== null
  }

  abort(reason: unknown): void {
    if (this.#aborted) return
    this.#aborted = { reason }
    this.#controller?.abort(reason)
  }

  /** The delivery that a statement in place began: same message, new receipt, the patch in its headers. */
  next(fence: Fence, patch: HeaderPatch, deadlineMs: number): Delivery {
    const message: Message = {
      ...this.message,
      headers: { ...this.message.headers, ...patch },
      readCount: Number(fence.readCount),
      receipt: makeReceipt(fence.readCount, fence.stamp),
    }
    return new Delivery(this.queue, { message, fence, size: this.size, recorded: this.recorded }, deadlineMs)
  }
}
