import { LONGEST_TIMER_MS } from '../checks.js'
import { type IdleQueue, nextDue } from '../statements/next-due.js'
import { newestShape } from '../statements/parts.js'
import type { Fetcher } from './fetcher.js'
import type { Link } from './link.js'

/** A little apart, so that many workers do not poll in step; never sooner than asked for. */
const JITTER = 0.1
/** What a late timer and a slow statement may add before the next poll tells. */
const LATE_MS = 100

/**
 * Polling is the truth: notifications may be lost, and delayed messages never notify. One statement a poll for all idle
 * queues; it tells when each one's next message is due, and a timer wakes its fetcher on time.
 */
export class Poller {
  readonly #fetchers: readonly Fetcher[]
  readonly #link: Link
  readonly #intervalMs: number
  readonly #quiet: () => boolean
  #timer: unknown = null
  #stopped = false

  constructor(fetchers: readonly Fetcher[], link: Link, intervalMs: number, quiet: () => boolean) {
    this.#fetchers = fetchers
    this.#link = link
    this.#intervalMs = intervalMs
    this.#quiet = quiet
  }

  start(): void {
    this.#schedule()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #schedule(): void {
    if (!this.#stopped)
      this.#timer = setTimeout(
        () => void this.#poll().then(() => this.#schedule()),
        Math.min(this.#intervalMs * (1 + Math.random() * JITTER), LONGEST_TIMER_MS),
      )
  }

  async #poll(): Promise<void> {
    const idle = this.#quiet() ? [] : this.#fetchers.filter((fetcher) => fetcher.idle)
    if (idle.length === 0) return
    const queues = idle.map((fetcher): IdleQueue => ({ shape: newestShape(fetcher.queue.name), floor: fetcher.floor }))
    const sentMs = performance.now()
    const dues = await this.#link.query(nextDue(queues), { verb: 'look for work', grants: '' }).catch(() => null)
    // A poll that failed for one queue's sake must not hide the others: each finds out by itself.
    for (const [i, fetcher] of idle.entries()) this.#tell(fetcher, dues ? (dues[i] ?? null) : 0, sentMs)
  }

  #tell(fetcher: Fetcher, dueMs: number | null, sentMs: number): void {
    if (dueMs === null) return
    const inMs = dueMs - (performance.now() - sentMs)
    if (dueMs <= 0) fetcher.wake(true)
    else if (inMs <= Math.min(this.#intervalMs * (1 + JITTER) + LATE_MS, LONGEST_TIMER_MS)) fetcher.wakeIn(inMs)
  }
}
