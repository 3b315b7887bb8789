import { LONGEST_TIMER_MS } from '../checks.js'
import { type IdleQueue, nextDue } from '../statements/next-due.js'
import { newestShape } from '../statements/parts.js'
import type { Fetcher } from './fetcher.js'
import type { Link } from './link.js'
import type { QueueRun } from './queue-run.js'

/** A little apart, so that many workers do not poll in step; never sooner than asked for. */
const JITTER = 0.1
/** Between two looks at queues that have just gone quiet. */
const LEAST_MS = 100
/** What a late timer and a slow statement may add before the next poll tells. */
const LATE_MS = 100

/** When the next message of a queue is due, and where the look for it began. */
type Found = readonly [fetcher: Fetcher, dueMs: number | 'unknown', floor: string | null]

/**
 * Polling is the truth: notifications may be lost, and delayed messages never notify. One statement a poll for all idle
 * queues; it tells when each one's next message is due, and a timer wakes its fetcher on time. One that may just have gone
 * quiet is looked at at once besides, since its next message may be due before the next poll.
 */
export class Poller {
  readonly #fetchers: readonly Fetcher[]
  readonly #link: Link
  readonly #intervalMs: number
  readonly #quiet: () => boolean
  #timer: unknown = null
  #soonTimer: unknown = null
  #stopped = true
  readonly #quieted = new Set<QueueRun>()
  #soonMs = Number.NEGATIVE_INFINITY

  constructor(fetchers: readonly Fetcher[], link: Link, intervalMs: number, quiet: () => boolean) {
    this.#fetchers = fetchers
    this.#link = link
    this.#intervalMs = intervalMs
    this.#quiet = quiet
  }

  start(): void {
    this.#stopped = false
    this.#schedule()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    clearTimeout(this.#soonTimer)
  }

  /** A queue may have gone quiet, or a message of it was put off. Does nothing before the start. */
  soon(queue: QueueRun): void {
    if (this.#stopped) return
    this.#quieted.add(queue)
    const waitMs = Math.max(0, this.#soonMs + LEAST_MS - performance.now())
    this.#soonTimer ??= setTimeout(() => void this.#lookSoon(), waitMs)
  }

  #schedule(): void {
    if (!this.#stopped)
      this.#timer = setTimeout(
        () => void this.#poll().then(() => this.#schedule()),
        Math.min(this.#intervalMs * (1 + Math.random() * JITTER), LONGEST_TIMER_MS),
      )
  }

  async #poll(): Promise<void> {
    const sentMs = performance.now()
    for (const [fetcher, dueMs, floor] of await this.#look(this.#fetchers)) {
      // A poll that failed for one queue's sake must not hide the others: each finds out by itself.
      if (dueMs === 'unknown' || dueMs <= 0) fetcher.wake(floor === null ? 'all' : undefined)
      else this.#tell(fetcher, dueMs, sentMs)
    }
  }

  async #lookSoon(): Promise<void> {
    this.#soonTimer = null
    const sentMs = performance.now()
    this.#soonMs = sentMs
    const quieted = this.#fetchers.filter(({ queue }) => this.#quieted.has(queue))
    this.#quieted.clear()
    for (const [fetcher, dueMs] of await this.#look(quieted)) {
      // What was due before its last lease, whose reply took a moment, was there for it to take: somebody has it locked.
      const leasedMsAgo = performance.now() - fetcher.lastLeaseMs
      if (dueMs !== 'unknown' && dueMs > -leasedMsAgo - LATE_MS) this.#tell(fetcher, dueMs, sentMs)
    }
  }

  /** When the next message of each idle queue is due that has one. Never rejects. */
  async #look(fetchers: readonly Fetcher[]): Promise<readonly Found[]> {
    const idle = this.#quiet() ? [] : fetchers.filter((fetcher) => fetcher.idle)
    if (idle.length === 0) return []
    const queues = idle.map((fetcher): IdleQueue => ({ shape: newestShape(fetcher.queue.name), floor: fetcher.floor }))
    const dues = await this.#link.query(nextDue(queues), { verb: 'look for work', grants: '' }).catch(() => null)
    return idle.flatMap((fetcher, i) => {
      const dueMs = dues ? dues[i] : 'unknown'
      return dueMs == null ? [] : [[fetcher, dueMs, queues[i]?.floor ?? null] as const]
    })
  }

  #tell(fetcher: Fetcher, dueMs: number, sentMs: number): void {
    const inMs = dueMs - (performance.now() - sentMs)
    if (inMs <= Math.min(this.#intervalMs * (1 + JITTER) + LATE_MS, LONGEST_TIMER_MS)) fetcher.wakeIn(inMs)
  }
}
