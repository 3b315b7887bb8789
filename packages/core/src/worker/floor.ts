/** A look below the floor that takes no longer is not worth a thought. */
const CHEAP_MS = 20
/** Between two such looks on a busy queue, at the least; on an idle one, at the most. */
const PAUSE_MS = 1_000
/** How much of the time goes into them at the most: a tenth beside work, a twentieth of what is cheap beside none. */
const BUSY_SHARE = 10
const IDLE_SHARE = 20
/** So far below the floor lies nearly all that committed late. */
const NEAR_US = 5_000_000n

/**
 * Where looks for work begin. A look from the floor does not see the dead entries that an open transaction keeps below it;
 * nor what committed late, ran out or was given back, of which nobody tells. So some looks begin at the very beginning, at
 * a bounded cost; and where those are dear, others a while below the floor, where most of that is found.
 */
export class Floor {
  /** The highest due time that was leased, in microseconds. */
  #floor: string | null = null
  #lastFull = false
  #wanted: 'all' | 'near' | null = 'all'
  #allMs = Number.NEGATIVE_INFINITY
  #nearMs = Number.NEGATIVE_INFINITY
  #costMs = 0

  /** Something may lie below the floor: `near`, if it has just committed. */
  want(what: 'all' | 'near'): void {
    if (this.#wanted !== 'all') this.#wanted = what
  }

  /** Where to begin, in microseconds; `null`: at the very beginning. */
  at(nowMs: number): string | null {
    if (this.#floor === null || this.#allIsDue(nowMs)) return null
    return this.#nearIsDue(nowMs) ? String(BigInt(this.#floor) - NEAR_US) : this.#floor
  }

  /** A look has begun there: nothing more is wanted. */
  looks(nowMs: number, from: string | null): void {
    if (from === null || from !== this.#floor) this.#nearMs = nowMs
    this.#wanted = null
  }

  /** It took so long, and found as much as it could (`full`), the highest of it due at `highest`. */
  looked(nowMs: number, from: string | null, tookMs: number, highest: string | null, full: boolean): void {
    if (from === null) {
      this.#allMs = nowMs
      this.#costMs = tookMs
    }
    if (highest !== null) this.#floor = highest
    this.#lastFull = full
  }

  #allIsDue(nowMs: number): boolean {
    if (this.#wanted === 'all' || (this.#wanted === 'near' && this.#costMs <= CHEAP_MS)) return true
    const pauseMs = this.#lastFull
      ? Math.max(PAUSE_MS, BUSY_SHARE * this.#costMs)
      : Math.min(PAUSE_MS, IDLE_SHARE * this.#costMs)
    return nowMs - this.#allMs >= pauseMs
  }

  #nearIsDue(nowMs: number): boolean {
    return this.#wanted === 'near' || (this.#lastFull && nowMs - this.#nearMs >= PAUSE_MS)
  }
}
