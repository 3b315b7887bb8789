import { DEFAULTS } from '../options.js'

const WINDOW_MS = 50
/** Where round trips are long, so much of the slots' work is leased ahead at the most. */
const MOST_MS = 200
/** Handlers that the average of their time goes back over. */
const MEMORY = 32

/**
 * How many messages to lease ahead of free slots: tripled while slots starve and full leases come back, halved every
 * 50 ms down to what the slots finish in 40 ms, and never more than they can finish in 200 ms by how long handlers take:
 * many that end at once are no high rate. So nothing waits here that another worker could have run, and no slot waits for a
 * round trip.
 */
export class Prefetch {
  #size = 0
  #finished = 0
  #sinceMs = performance.now()
  #leasedMs = Number.NEGATIVE_INFINITY
  #averageBytes = 0
  /** Of a handler; unknown before the first. */
  #averageMs = Number.NaN
  readonly #slots: number

  constructor(slots: number) {
    this.#slots = slots
  }

  /** Messages to hold beyond the free slots, now. */
  size(nowMs: number): number {
    const windows = Math.floor((nowMs - this.#sinceMs) / WINDOW_MS)
    if (windows >= 1) {
      const worth = Math.floor((this.#finished / (nowMs - this.#sinceMs)) * DEFAULTS.prefetchMs)
      this.#size = Math.max(Math.floor(this.#size / 2 ** windows), worth)
      this.#finished = 0
      this.#sinceMs = nowMs
    }
    const byBytes =
      this.#averageBytes > 0 ? Math.floor(DEFAULTS.prefetchBytes / this.#averageBytes) : DEFAULTS.batchSize
    const byTime = this.#averageMs > 0 ? Math.floor((this.#slots * MOST_MS) / this.#averageMs) : DEFAULTS.batchSize
    return Math.min(this.#size, DEFAULTS.batchSize, byBytes, byTime)
  }

  /** A handler ended that took so long. */
  finished(tookMs: number): void {
    this.#finished++
    this.#averageMs = this.#averageMs >= 0 ? this.#averageMs + (tookMs - this.#averageMs) / MEMORY : tookMs
  }

  /** `starved`: slots stood free when the lease was sent. Slow handlers free their slots too, but not so soon after a lease. */
  leased(nowMs: number, count: number, bytes: number, full: boolean, starved: boolean): void {
    if (count > 0) this.#averageBytes = this.#averageBytes * 0.8 + (bytes / count) * 0.2
    if (full && starved && nowMs - this.#leasedMs <= WINDOW_MS)
      this.#size = Math.min(Math.max(this.#size, count) * 3, DEFAULTS.batchSize)
    this.#leasedMs = nowMs
  }
}
