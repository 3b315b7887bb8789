import { LONGEST_TIMER_MS } from '../checks.js'
import { type PgmqErrorOf, pgmqError } from '../errors.js'
import { compareIds } from '../message.js'
import { DEFAULTS } from '../options.js'
import { type ExtendVerdict, extend } from '../statements/extend.js'
import type { Delivery } from './delivery.js'
import type { Link } from './link.js'
import type { QueueRun } from './queue-run.js'

/** How soon to ask again about leases that another had locked for the moment. */
const BUSY_MS = 200

/** Keeps the leases of one queue: one statement a beat, three beats a lease. */
export class Heartbeat {
  readonly #queue: QueueRun
  readonly #link: Link
  readonly #onLost: (delivery: Delivery) => void
  #timer: unknown = null
  #stopped = false
  #beating: Promise<void> | null = null

  constructor(queue: QueueRun, link: Link, onLost: (delivery: Delivery) => void) {
    this.#queue = queue
    this.#link = link
    this.#onLost = onLost
  }

  start(): void {
    this.#schedule(this.#queue.visibilityMs / 3)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#beating
  }

  /** Extends every lease now. Never rejects: while there is no connection the leases run, and the next beat tells. */
  async beat(): Promise<void> {
    clearTimeout(this.#timer)
    this.#beating ??= this.#extendAll().finally(() => {
      this.#beating = null
    })
    await this.#beating
  }

  async #extendAll(): Promise<void> {
    const deliveries = [...this.#queue.held.values()]
    let busy = false
    for (let i = 0; i < deliveries.length; i += DEFAULTS.batchSize) {
      busy = (await this.#extend(deliveries.slice(i, i + DEFAULTS.batchSize))) || busy
    }
    this.#schedule(busy ? BUSY_MS : this.#queue.visibilityMs / 3)
  }

  /** Resolves to whether one was busy for a reason that passes. */
  async #extend(batch: readonly Delivery[]): Promise<boolean> {
    const { name, visibilitySeconds, visibilityMs } = this.#queue
    const sentMs = performance.now()
    const doing = { verb: `extend leases of "${name.logical}"`, grants: 'grant select, update on pgmq."q_{q}"' }
    const fences = batch.map(({ fence }) => fence).sort((a, b) => compareIds(a.id, b.id))
    const verdicts = await this.#link
      .run(name, doing, (shape) => extend(shape, fences, visibilitySeconds))
      .catch(() => null)
    if (!verdicts) return false
    let busy = false
    for (const delivery of batch) {
      const verdict: ExtendVerdict = verdicts.get(delivery.key) ?? 'lost'
      if (verdict === 'held') delivery.deadlineMs = Math.max(delivery.deadlineMs, sentMs + visibilityMs)
      else if (verdict === 'busy') busy ||= !delivery.completing
      else this.#lost(delivery)
    }
    return busy
  }

  /** A lease that was ended or renewed by us meanwhile is not lost; nor is one whose end `completeWith` decides. */
  #lost(delivery: Delivery): void {
    if (delivery.lost || delivery.completing || (delivery.state !== 'waiting' && delivery.state !== 'running')) return
    delivery.lost = true
    delivery.abort(leaseLost(delivery))
    this.#onLost(delivery)
  }

  #schedule(ms: number): void {
    clearTimeout(this.#timer)
    if (!this.#stopped) this.#timer = setTimeout(() => void this.beat(), Math.min(ms, LONGEST_TIMER_MS))
  }
}

export function leaseLost({ message }: Delivery): PgmqErrorOf<'LEASE_LOST'> {
  const { queue, id, receipt } = message
  return pgmqError(
    'LEASE_LOST',
    `lease on message ${id} of "${queue}" is lost: it ran out and another worker has it, or the message is gone. Raise visibilitySeconds, or stop blocking the event loop`,
    { lease: { queue, id, receipt } },
  )
}
