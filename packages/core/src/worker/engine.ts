import { type ClientContext, channelOf } from '../client/context.js'
import type { PgmqClient } from '../client/pgmq-client.js'
import { errorText, type PgmqError } from '../errors.js'
import { DEFAULTS } from '../options.js'
import { announce } from './alone.js'
import { Bell } from './bell.js'
import { Deliveries } from './deliveries.js'
import type { Emitter } from './events.js'
import { Fetcher } from './fetcher.js'
import { Heartbeat } from './heartbeat.js'
import { Links } from './links.js'
import type { Parked } from './parked.js'
import { Poller } from './poller.js'
import type { QueueRun } from './queue-run.js'
import { Retention } from './retention.js'
import { Settler } from './settler.js'
import type { ResolvedWorkerOptions } from './worker-options.js'

export interface EngineOptions {
  readonly client: PgmqClient
  readonly context: ClientContext
  readonly worker: ResolvedWorkerOptions
  readonly queues: readonly QueueRun[]
  readonly events: Emitter
  readonly parked: Parked
  /** One connection for everything and no listener, for a run that ends when there is nothing left to do. */
  readonly drain: boolean
  /** Messages to lease at the most. */
  readonly maxMessages: number
}

/** Settled and unsettled deliveries beyond which nothing more is leased. */
const MOST_UNSETTLED = 2 * DEFAULTS.batchSize

/** One run of a worker, from start to stop: its connections, its loops, and what they ask of each other. */
export class Engine {
  readonly #o: EngineOptions
  readonly #links: Links
  readonly #settler: Settler
  readonly #deliveries: Deliveries
  readonly #heartbeats: ReadonlyMap<QueueRun, Heartbeat>
  readonly #poller: Poller
  readonly #retentions: readonly Retention[]
  readonly #settled = new Bell()
  readonly fetchers: readonly Fetcher[]
  #unlisten: (() => Promise<void>)[] = []
  #loops: Promise<void>[] = []
  #budget: number
  #quiet = false
  #recovering = false
  #stopping = false
  /** Why a drain cannot go on. A worker that stays up tries again instead. */
  failure: PgmqError | null = null

  constructor(options: EngineOptions) {
    this.#o = options
    const { context, queues, worker } = options
    const timeoutMs = Math.max(1_000, Math.min(15_000, ...queues.map(({ visibilityMs }) => visibilityMs / 3)))
    this.#links = new Links({
      context,
      timeoutMs,
      single: options.drain,
      onChange: (error) => this.#linksChanged(error),
    })
    const { leasing, settling } = this.#links
    this.#budget = options.maxMessages
    this.#settler = new Settler(settling, worker.logger, options.drain)
    this.#deliveries = new Deliveries(this.#deliveriesHost())
    this.fetchers = queues.map((queue) => new Fetcher(queue, leasing, this.#fetchHost(), worker.logger))
    for (const fetcher of this.fetchers) fetcher.queue.demand = fetcher
    this.#heartbeats = new Map(
      queues.map((queue) => [queue, new Heartbeat(queue, leasing, (delivery) => this.#deliveries.lost(delivery))]),
    )
    this.#poller = new Poller(this.fetchers, leasing, worker.pollIntervalMs, () => this.#mayNotLease())
    this.#retentions = queues.flatMap((queue) => {
      const days = queue.options.retainArchive?.days
      return days === undefined ? [] : [new Retention(queue, days, context.session, worker.logger)]
    })
  }

  get connected(): boolean {
    return this.#links.connected
  }

  get inFlight(): number {
    return this.#deliveries.running
  }

  get strays(): number {
    return this.#deliveries.strays
  }

  loopTicked(lateMs: number): void {
    this.#deliveries.loopTicked(lateMs)
  }

  /** Opens the connections. @throws CONNECTION_LOST */
  async open(): Promise<void> {
    await this.#links.open().catch(async (error: unknown) => {
      await this.#close()
      throw error
    })
    this.#o.events.emit('connection', () => ({ up: true }))
  }

  /** Starts everything that runs until `stop`. */
  run(): void {
    for (const heartbeat of this.#heartbeats.values()) heartbeat.start()
    this.#loops = [this.#settler.run(), this.#deliveries.run(), ...this.fetchers.map((fetcher) => fetcher.run())]
    if (this.#o.drain) return
    this.#poller.start()
    for (const retention of this.#retentions) retention.start()
    for (const fetcher of this.fetchers) this.#listen(fetcher)
  }

  /** Nothing is held, and the last look at each queue found nothing, or was refused. */
  get exhausted(): boolean {
    const noMore = this.#stopping || this.#budget <= 0 || this.failure !== null || !this.moreToDo
    return noMore && this.#deliveries.held === 0 && this.#leasesUnderWay === 0
  }

  get moreToDo(): boolean {
    return this.fetchers.some((fetcher) => !fetcher.idle)
  }

  /** Resolves when something has ended, or after so long. */
  changed(timeoutMs: number): Promise<void> {
    return this.#settled.wait(timeoutMs)
  }

  /** No new lease; what has not started goes back; handlers get the grace, then their signals abort. */
  async stop(graceSeconds: number): Promise<void> {
    this.#stopping = true
    this.#poller.stop()
    for (const one of [...this.fetchers, ...this.#retentions]) void one.stop()
    this.#deliveries.stop()
    await this.#until(() => this.#resting, graceSeconds * 1000)
    this.#deliveries.abort()
    await this.#until(() => this.#resting, DEFAULTS.abortSeconds * 1000)
    await this.#deliveries.leaveBehind()
    await this.#until(() => this.#settler.size + this.#deliveries.unsettled === 0, DEFAULTS.abortSeconds * 1000)
    await this.#close()
  }

  async #close(): Promise<void> {
    this.#deliveries.close()
    this.#settler.stop()
    await Promise.all(this.#unlisten.map((unlisten) => unlisten().catch(() => undefined)))
    await Promise.all([...this.#heartbeats.values(), ...this.#retentions].map((one) => one.stop()))
    await this.#links.close()
    await Promise.all(this.#loops)
  }

  async #until(condition: () => boolean, limitMs: number): Promise<void> {
    const untilMs = performance.now() + limitMs
    while (!condition() && performance.now() < untilMs)
      await this.#settled.wait(Math.min(untilMs - performance.now(), 50))
  }

  /** A lease that is under way would be nobody's until it runs out. */
  get #resting(): boolean {
    return this.#deliveries.resting && this.#leasesUnderWay === 0
  }

  get #leasesUnderWay(): number {
    return this.fetchers.filter(({ leasing }) => leasing).length
  }

  // ── What the rooms ask ─────────────────────────────────────────────────────────────────────────

  #fetchHost(): ConstructorParameters<typeof Fetcher>[2] {
    return {
      freeSlots: (queue) => this.#deliveries.freeSlots(queue),
      blocked: (queue) => this.#deliveries.blocked(queue),
      quiet: () => this.#mayNotLease(),
      budget: () => this.#budget,
      spend: (count) => {
        this.#budget -= count
        if (count < 0) this.#roomChanged()
        // A lease is over, for which somebody may have waited to be alone.
        if (count <= 0) announce()
      },
      accept: (queue, deliveries) => {
        this.#deliveries.accept(queue, deliveries)
        this.#poller.soon(queue)
        this.#settled.ring()
      },
      refused: (error) => {
        if (this.#o.drain) this.failure ??= error
      },
    }
  }

  #deliveriesHost(): ConstructorParameters<typeof Deliveries>[0] {
    return {
      ...this.#o,
      leasing: this.#links.leasing,
      settling: this.#links.settling,
      settler: this.#settler,
      leasesUnderWay: () => this.#leasesUnderWay,
      idle: () => !this.moreToDo,
      quiet: (on) => {
        this.#quiet = on
        if (!on) this.#roomChanged()
      },
      putOff: (queue) => this.#poller.soon(queue),
      beat: async (queue) => await this.#heartbeats.get(queue)?.beat(),
      changed: () => {
        this.#roomChanged()
        this.#settled.ring()
      },
    }
  }

  #mayNotLease(): boolean {
    return this.#stopping || this.#quiet || this.#recovering || !this.connected || this.#settler.size > MOST_UNSETTLED
  }

  #roomChanged(): void {
    for (const fetcher of this.fetchers) fetcher.roomChanged()
  }

  // ── Connections ────────────────────────────────────────────────────────────────────────────────

  #listen(fetcher: Fetcher): void {
    const { context, worker } = this.#o
    const { notifier } = context.shared.driver
    notifier
      ?.listen(
        channelOf(fetcher.queue.name),
        () => fetcher.notified(),
        (up) => up && fetcher.wake('all'),
      )
      .then(
        (unlisten) => (this.#stopping ? unlisten() : void this.#unlisten.push(unlisten)),
        (error: unknown) => worker.logger?.warn({ err: error }, `cannot listen, polling instead: ${errorText(error)}`),
      )
  }

  #linksChanged(error: PgmqError | null): void {
    if (!error) void this.#recover()
    this.#o.events.emit('connection', () => (error ? { up: false, error } : { up: true }))
  }

  /** What is finished, and what is held, comes before anything new; and workers that lost one server do not all lease at once. */
  async #recover(): Promise<void> {
    this.#recovering = true
    await Promise.all([this.#settler.wake(), ...[...this.#heartbeats.values()].map((heartbeat) => heartbeat.beat())])
    await new Promise<void>((resolve) => setTimeout(resolve, Math.random() * 200))
    this.#recovering = false
    for (const fetcher of this.fetchers) fetcher.wake('all')
  }
}
