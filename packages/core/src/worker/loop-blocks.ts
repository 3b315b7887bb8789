import { DEFAULTS } from '../options.js'
import type { Delivery } from './delivery.js'
import type { WorkerEvents } from './events.js'
import type { QueueRun } from './queue-run.js'

/**
 * Notices that the event loop was blocked, and by which handler as far as it can be told: the one whose first part, up to
 * its first `await`, took so long; or the only one that was running.
 */
export class LoopBlocks {
  readonly #limitMs: number
  #held: { readonly task: string; readonly ms: number } | null = null
  #lastEnded: Delivery | null = null
  #endedBeforeMs = Number.NEGATIVE_INFINITY

  constructor(queues: readonly QueueRun[]) {
    const shortestMs = Math.min(...queues.map(({ visibilityMs }) => visibilityMs))
    this.#limitMs = Math.max(DEFAULTS.leastBlockedMs, shortestMs / 6)
  }

  /** A handler was begun, and gave the loop back only now. */
  begun({ task, startedMs }: Delivery, nowMs: number): void {
    const ms = nowMs - startedMs
    if (task && ms >= this.#limitMs && ms > (this.#held?.ms ?? 0)) this.#held = { task: task.task.name, ms }
  }

  ended(delivery: Delivery): void {
    this.#endedBeforeMs = this.#lastEnded?.endedMs ?? Number.NEGATIVE_INFINITY
    this.#lastEnded = delivery
  }

  /** Asked by a timer that is so late; `null` when that is nothing to tell. `running` gives `null` where that is not known. */
  look(lateMs: number, running: () => readonly Delivery[] | null): WorkerEvents['eventLoopBlocked'] | null {
    const held = this.#held
    this.#held = null
    if (held) return { task: held.task, blockedMs: Math.round(held.ms) }
    if (lateMs < this.#limitMs) return null
    return { task: this.#only(performance.now() - lateMs, running()), blockedMs: Math.round(lateMs) }
  }

  /** The task of the one delivery that was running then, whether it has ended since or not. */
  #only(thenMs: number, running: readonly Delivery[] | null): string | null {
    if (!running || this.#endedBeforeMs >= thenMs) return null
    const suspects = [...running]
    if (this.#lastEnded && this.#lastEnded.endedMs >= thenMs) suspects.push(this.#lastEnded)
    const [one, another] = suspects.filter(({ startedMs }) => startedMs <= thenMs)
    return another ? null : (one?.task?.task.name ?? null)
  }
}
