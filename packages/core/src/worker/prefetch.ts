import { DEFAULTS } from '../options.js'

const WINDOW_MS = 50

/**
 * How many messages to lease ahead of free slots: tripled while slots starve and full leases come back, halved every
 * 50 ms down to what the slots finish in 40 ms. So nothing waits here that another worker could have run, and no slot
 * waits for a round trip.
 */
export class Prefetch {
  #size = 0
  #finished = 0
  #sinceMs = performance.now()
  #leasedMs = Number.NEGATIVE_INFINITY
  #averageBytes = 0

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
    return Math.min(this.#size, DEFAULTS.batchSize, byBytes)
  }

  finished(): void {
    this.#finished++
  }

  /** `starved`: slots stood free when the lease was sent. Slow handlers free their slots too, but not so soon after a lease. */
  leased(nowMs: number, count: number, bytes: number, full: boolean, starved: boolean): void {
    if (count > 0) this.#averageBytes = this.#averageBytes * 0.8 + (bytes / count) * 0.2
    if (full && starved && nowMs - this.#leasedMs <= WINDOW_MS)
      this.#size = Math.min(Math.max(this.#size, count) * 3, DEFAULTS.batchSize)
    this.#leasedMs = nowMs
  }
}
