import { errorText, type PgmqError } from '../errors.js'
import type { Logger } from '../logger.js'
import { DEFAULTS } from '../options.js'
import type { Doing } from '../session.js'
import { type Leased, lease } from '../statements/lease.js'
import { Bell } from './bell.js'
import { Delivery } from './delivery.js'
import { Floor } from './floor.js'
import { isConnectionError, type Link } from './link.js'
import type { QueueRun } from './queue-run.js'

/** Looks that follow a notification which found nothing: a commit may be a moment behind it. Their sum exceeds the producers' throttle. */
const AFTER_WAKE_MS = [1, 2, 4, 8, 16, 32]
const TROUBLE_MS = 1_000

export interface FetchHost {
  /** Slots that could run something of this queue now. */
  freeSlots(queue: QueueRun): number
  /** No lease may be taken now: a stop, a lost connection, a suspect that runs alone. */
  quiet(): boolean
  /** Of what this queue has waiting for a slot: how many wait for their own task, not for a slot. */
  blocked(queue: QueueRun): number
  /** How many more messages may be leased at all. */
  budget(): number
  /** Takes so many off the budget, before they are leased; negative: gives back. */
  spend(count: number): void
  accept(queue: QueueRun, deliveries: readonly Delivery[]): void
  /** The database refuses the lease, and not for want of a connection. */
  refused(error: PgmqError): void
}

/** Leases for one queue: in batches, as many as its slots can use, and again as long as full batches come back. */
export class Fetcher {
  readonly queue: QueueRun
  readonly #link: Link
  readonly #host: FetchHost
  readonly #logger: Logger | undefined
  readonly #bell = new Bell()
  /** There may be something to lease. */
  #likely = true
  readonly #floor = new Floor()
  #look = AFTER_WAKE_MS.length
  #lookTimer: unknown = null
  #dueTimer: unknown = null
  #stopped = false
  leasing = false
  lastLeaseAt: Date | null = null
  /** The same by the monotonic clock. */
  lastLeaseMs: number = Number.NEGATIVE_INFINITY

  constructor(queue: QueueRun, link: Link, host: FetchHost, logger: Logger | undefined) {
    this.queue = queue
    this.#link = link
    this.#host = host
    this.#logger = logger
  }

  /** Nothing was visible at the last look, and nothing has happened since. */
  get idle(): boolean {
    return !this.#likely && !this.leasing
  }

  /** Where a look at what is due is to begin, in microseconds; `null`: at the very beginning. */
  get floor(): string | null {
    return this.#floor.at(performance.now())
  }

  /** There is something, or there may be; perhaps `below` the floor. */
  wake(below?: 'all' | 'near'): void {
    this.#likely = true
    if (below) this.#floor.want(below)
    this.#bell.ring()
  }

  /** Somebody was notified: look now, and shortly after. */
  notified(): void {
    this.#look = 0
    this.wake('near')
  }

  /** Something is due then. */
  wakeIn(ms: number): void {
    clearTimeout(this.#dueTimer)
    if (!this.#stopped) this.#dueTimer = setTimeout(() => this.wake(), Math.max(0, ms))
  }

  /** Slots, or the right to lease, may be free. */
  roomChanged(): void {
    if (this.#likely && !this.leasing && this.#room() > 0) this.#bell.ring()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#lookTimer)
    clearTimeout(this.#dueTimer)
    this.#bell.ring()
  }

  /** Runs until `stop`. Never rejects. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      const limit = this.#likely ? this.#room() : 0
      if (limit <= 0) await this.#bell.wait()
      else await this.#lease(limit).catch((error: unknown) => this.#trouble(error))
    }
  }

  /** How many to lease: nothing until the batch is worth a round trip. */
  #room(): number {
    if (this.#host.quiet()) return 0
    const { buffer, prefetch } = this.queue
    const free = this.#host.freeSlots(this.queue)
    const ahead = prefetch.size(performance.now())
    // Those whose task is at its limit fill no slot, but there is an end to leasing past them.
    const waiting = buffer.length - Math.min(this.#host.blocked(this.queue), DEFAULTS.batchSize)
    const room = free + ahead - waiting
    const worthIt = free > waiting || room >= ahead / 2
    return worthIt ? Math.min(room, DEFAULTS.batchSize, this.#host.budget()) : 0
  }

  async #lease(limit: number): Promise<void> {
    const { name, visibilitySeconds, visibilityMs } = this.queue
    const sentMs = performance.now()
    const floor = this.#floor.at(sentMs)
    const starved = this.#host.freeSlots(this.queue) > this.queue.buffer.length
    this.#likely = false
    this.#floor.looks(sentMs, floor)
    this.leasing = true
    this.#host.spend(limit)
    let taken = 0
    const doing: Doing = { verb: `lease messages of "${name.logical}"`, grants: 'grant select, update on pgmq."q_{q}"' }
    const request = { floor, limit, seconds: visibilitySeconds, alone: true }
    try {
      const leased = await this.#link.run(name, doing, (shape) => lease(shape, request))
      const nowMs = performance.now()
      taken = leased.deliveries.length
      this.#floor.looked(nowMs, floor, nowMs - sentMs, leased.floor, taken === limit)
      this.#took(leased, limit, starved, nowMs)
      this.#host.accept(
        this.queue,
        leased.deliveries.map((one) => new Delivery(this.queue, one, sentMs + visibilityMs)),
      )
    } finally {
      this.leasing = false
      this.#host.spend(taken - limit)
    }
  }

  #took({ deliveries }: Leased, limit: number, starved: boolean, nowMs: number): void {
    const full = deliveries.length === limit
    const bytes = deliveries.reduce((sum, { size }) => sum + size, 0)
    this.lastLeaseAt = new Date()
    this.lastLeaseMs = nowMs
    this.queue.prefetch.leased(nowMs, deliveries.length, bytes, full, starved)
    if (full) this.#likely = true
    else if (this.#look < AFTER_WAKE_MS.length) this.#lookAgain(AFTER_WAKE_MS[this.#look++] as number)
  }

  #lookAgain(ms: number): void {
    clearTimeout(this.#lookTimer)
    this.#lookTimer = setTimeout(() => this.wake(), ms)
  }

  /** A lost connection is waited for; whatever else it is may pass, and must not turn into a storm. */
  async #trouble(error: unknown): Promise<void> {
    this.#likely = true
    this.#floor.want('all')
    if (isConnectionError(error)) return
    this.#host.refused(error as PgmqError)
    this.#logger?.error({ queue: this.queue.name.logical, err: error }, `cannot lease for now: ${errorText(error)}`)
    const timer = setTimeout(() => this.#bell.ring(), TROUBLE_MS)
    await this.#bell.wait()
    clearTimeout(timer)
  }
}
