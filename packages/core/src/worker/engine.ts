import { type ClientContext, channelOf } from '../client/context.js'
import { makeQueue } from '../client/make-queue.js'
import type { PgmqClient } from '../client/pgmq-client.js'
import { errorText, type PgmqError } from '../errors.js'
import { DEFAULTS } from '../options.js'
import { beginAlone, endOfRun, type HeaderPatch, joined } from '../retry/counters.js'
import type { Outcome } from '../retry/outcome.js'
import { extend } from '../statements/extend.js'
import { note } from '../statements/note.js'
import { type AloneMember, announce, join, leave } from './alone.js'
import { Arrivals } from './arrivals.js'
import { Bell } from './bell.js'
import { Completions } from './completions.js'
import type { Delivery } from './delivery.js'
import { Endings } from './endings.js'
import type { Emitter } from './events.js'
import { Fetcher } from './fetcher.js'
import { Heartbeat, leaseLost } from './heartbeat.js'
import { Link } from './link.js'
import type { Parked } from './parked.js'
import { Poller } from './poller.js'
import type { QueueRun } from './queue-run.js'
import { Renewals } from './renewals.js'
import { Runner } from './runner.js'
import { Settler } from './settler.js'
import { Slots } from './slots.js'
import { Suspects } from './suspects.js'
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
const MOST_UNSETTLED = 4 * DEFAULTS.batchSize

/** One run of a worker, from start to stop: its rooms, and what they ask of each other. */
export class Engine {
  readonly #o: EngineOptions
  readonly #leasing: Link
  readonly #settling: Link
  readonly #slots: Slots
  readonly #runner: Runner
  readonly #settler: Settler
  readonly #renewals: Renewals
  readonly #endings: Endings
  readonly #completions: Completions
  readonly #suspects: Suspects
  readonly #arrivals: Arrivals
  readonly #member: AloneMember
  readonly fetchers: readonly Fetcher[]
  readonly #heartbeats: ReadonlyMap<QueueRun, Heartbeat>
  readonly #poller: Poller
  readonly #settled = new Bell()
  readonly #watchers = new Map<Delivery, () => void>()
  #unlisten: (() => Promise<void>)[] = []
  #loops: Promise<void>[] = []
  #budget: number
  #quiet = false
  #recovering = false
  #connected = false
  stopping = false
  aborting = false
  strays = 0

  constructor(options: EngineOptions) {
    this.#o = options
    const { context, queues, worker, events } = options
    const { driver, knowledge } = context.shared
    const timeoutMs = Math.max(1_000, Math.min(15_000, ...queues.map(({ visibilityMs }) => visibilityMs / 3)))
    const link = (): Link => new Link(driver, knowledge, timeoutMs, (error) => this.#linkChanged(error))
    this.#budget = options.maxMessages
    this.#leasing = link()
    this.#settling = options.drain ? this.#leasing : link()
    this.#settler = new Settler(this.#settling, worker.logger, options.drain)
    this.#renewals = new Renewals(this.#settling)
    this.#endings = new Endings(this.#endingsHost())
    this.#completions = new Completions(context.shared, this.#leasing, this.#endings)
    this.#runner = new Runner(this.#runnerHost())
    this.#slots = new Slots(queues, worker.concurrency, (delivery) => this.#start(delivery))
    this.#member = {
      company: () => this.#company(),
      quiet: (on) => this.#setQuiet(on),
      changed: () => this.#suspects.changed(),
    }
    this.#suspects = new Suspects(this.#suspectHost())
    this.#arrivals = new Arrivals({
      endings: this.#endings,
      suspects: this.#suspects,
      events,
      crashLimit: worker.crashLimit,
      concurrency: worker.concurrency,
    })
    this.fetchers = queues.map((queue) => new Fetcher(queue, this.#leasing, this.#fetchHost(), worker.logger))
    this.#heartbeats = new Map(
      queues.map((queue) => [queue, new Heartbeat(queue, this.#leasing, (delivery) => this.#lost(delivery))]),
    )
    this.#poller = new Poller(this.fetchers, this.#leasing, worker.pollIntervalMs, () => this.#mayNotLease())
  }

  get connected(): boolean {
    return this.#leasing.up && this.#settling.up
  }

  get inFlight(): number {
    return this.#slots.running
  }

  /** Opens the connections. @throws CONNECTION_LOST */
  async open(): Promise<void> {
    try {
      await this.#leasing.open()
      if (!this.#o.drain) await this.#settling.open()
    } catch (error) {
      await this.#close()
      throw error
    }
    this.#connected = true
    this.#o.events.emit('connection', () => ({ up: true }))
  }

  /** Starts everything that runs until `stop`. */
  run(): void {
    join(this.#member)
    for (const heartbeat of this.#heartbeats.values()) heartbeat.start()
    this.#loops = [this.#settler.run(), this.#suspects.run(), ...this.fetchers.map((fetcher) => fetcher.run())]
    if (this.#o.drain) return
    this.#poller.start()
    for (const fetcher of this.fetchers) this.#listen(fetcher)
  }

  /** Nothing is held, and the last look at each queue found nothing. */
  get exhausted(): boolean {
    const waiting = this.fetchers.some((fetcher) => !fetcher.idle)
    return this.#held() === 0 && this.strays === 0 && (this.#budget <= 0 || !waiting)
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
    this.stopping = true
    this.#poller.stop()
    for (const fetcher of this.fetchers) fetcher.stop()
    this.#suspects.stop()
    this.#releaseWaiting()
    await this.#until(() => this.#resting, graceSeconds * 1000)
    this.aborting = true
    for (const delivery of this.#heldOnes()) if (delivery.state === 'running') delivery.abort(stopped())
    await this.#until(() => this.#resting, DEFAULTS.abortSeconds * 1000)
    this.#completions.stop()
    await this.#noteLeftBehind()
    await this.#until(() => this.#settler.size === 0, DEFAULTS.abortSeconds * 1000)
    await this.#close()
  }

  async #close(): Promise<void> {
    leave(this.#member)
    this.#runner.timeouts.stop()
    this.#settler.stop()
    await Promise.all(this.#unlisten.map((unlisten) => unlisten().catch(() => undefined)))
    await Promise.all([...this.#heartbeats.values()].map((heartbeat) => heartbeat.stop()))
    await Promise.all([this.#leasing.close(), this.#settling.close()])
    await Promise.all(this.#loops)
  }

  // ── What the rooms ask ─────────────────────────────────────────────────────────────────────────

  #fetchHost(): ConstructorParameters<typeof Fetcher>[2] {
    return {
      freeSlots: (queue) => this.#slots.free(queue),
      quiet: () => this.#mayNotLease(),
      budget: () => this.#budget,
      accept: (queue, deliveries) => this.#accept(queue, deliveries),
    }
  }

  #runnerHost(): ConstructorParameters<typeof Runner>[0] {
    const { client, events, worker } = this.#o
    return {
      client,
      events,
      logger: worker.logger,
      middleware: worker.middleware,
      extend: (delivery, seconds) => this.#extend(delivery, seconds),
      completeWith: (delivery, connection, output) => this.#completions.complete(delivery, connection, output),
      ended: (delivery, outcome) => this.#ended(delivery, outcome),
      strayed: (change) => {
        this.strays += change
        announce()
      },
    }
  }

  #endingsHost(): ConstructorParameters<typeof Endings>[0] {
    const { events, parked, worker, context } = this.#o
    const stopping = (): boolean => this.stopping
    return {
      settler: this.#settler,
      events,
      parked,
      logger: worker.logger,
      get stopping() {
        return stopping()
      },
      again: (...args) => void this.#again(...args),
      ensureDeadLetterQueue: ({ queue }) => makeQueue(context, queue.name),
      over: () => this.#changed(),
    }
  }

  #suspectHost(): ConstructorParameters<typeof Suspects>[0] {
    return {
      member: this.#member,
      beginAlone: (delivery) => this.#beginAlone(delivery),
      takeBack: async (delivery) => {
        const { queue, history, fence } = delivery
        if (!this.#headers(queue)) return
        await this.#settling.run(
          queue.name,
          { verb: 'note a counter', grants: 'grant select, update on pgmq."q_{q}"' },
          (shape) => note(shape, [fence], [joined(history.alone)]),
        )
      },
      run: (delivery) =>
        new Promise((resolve) => {
          this.#watchers.set(delivery, resolve)
          this.#slots.enter(delivery)
          this.#runner.start(delivery)
        }),
      idle: () => this.#company() === 0 && this.fetchers.every((fetcher) => fetcher.idle),
    }
  }

  // ── From lease to handler ──────────────────────────────────────────────────────────────────────

  #accept(queue: QueueRun, deliveries: readonly Delivery[]): void {
    this.#budget -= deliveries.length
    for (const delivery of deliveries) {
      queue.held.set(delivery.key, delivery)
      if (this.stopping) this.#endings.release(delivery)
      else this.#arrivals.take(delivery)
    }
    this.#slots.fill()
    this.#settled.ring()
  }

  #start(delivery: Delivery): void {
    if (performance.now() < delivery.deadlineMs) this.#runner.start(delivery)
    else void this.#startIfHeld(delivery)
  }

  /** Its lease may have run out while it waited (a blocked event loop, an outage): only the database can tell. */
  async #startIfHeld(delivery: Delivery): Promise<void> {
    while (!delivery.lost && !this.stopping && performance.now() >= delivery.deadlineMs) {
      await this.#heartbeats.get(delivery.queue)?.beat()
      // No verdict yet: no connection, or a refusal that may pass. Not to ask in a storm.
      if (!delivery.lost && performance.now() >= delivery.deadlineMs)
        await new Promise<void>((resolve) => setTimeout(resolve, 200))
    }
    if (!delivery.lost && !this.stopping && delivery.state === 'waiting') return this.#runner.start(delivery)
    this.#slots.leave(delivery)
    if (!delivery.lost && delivery.state === 'waiting') this.#endings.release(delivery)
    this.#changed()
  }

  // ── From handler to settle ─────────────────────────────────────────────────────────────────────

  #ended(delivery: Delivery, outcome: Outcome): void {
    if (delivery.state === 'over') return this.#leave(delivery)
    delivery.endedMs = performance.now()
    if (delivery.lost) {
      this.#leave(delivery)
      this.#endings.lost(delivery)
    } else if (delivery.completing) {
      this.#leave(delivery)
      void this.#completions.conclude(delivery, outcome).then(() => this.#changed())
    } else {
      const cutOff = this.aborting && delivery.aborted && outcome.kind === 'failed' && !delivery.timedOut
      const inSlot = this.#endings.end(delivery, cutOff ? { kind: 'released' } : outcome)
      if (!inSlot) this.#leave(delivery)
    }
  }

  #leave(delivery: Delivery): void {
    this.#slots.leave(delivery)
    this.#watchers.get(delivery)?.()
    this.#watchers.delete(delivery)
    this.#changed()
  }

  /** A retry at once goes on in its slot, under a new receipt. */
  async #again(delivery: Delivery, patch: HeaderPatch, onFailure: () => void, report: () => void): Promise<void> {
    const next = await this.#renewals.renew(delivery, patch)
    if (next === 'failed') onFailure()
    else if (next === null) this.#endings.lost(delivery)
    else {
      delivery.queue.forget(delivery)
      delivery.queue.held.set(next.key, next)
      report()
      this.#slots.leave(delivery)
      this.#slots.enter(next)
      if (this.stopping) this.#releaseRenewed(next)
      else this.#runner.start(next)
      this.#watchers.get(delivery)?.()
      this.#watchers.delete(delivery)
      return
    }
    this.#leave(delivery)
  }

  #releaseRenewed(delivery: Delivery): void {
    this.#slots.leave(delivery)
    this.#endings.release(delivery)
    this.#changed()
  }

  async #beginAlone(delivery: Delivery): Promise<Delivery | null> {
    const { queue, history, message } = delivery
    if (!this.#headers(queue)) return delivery
    const next = await this.#renewals.renew(delivery, beginAlone(history, message.readCount))
    if (next === 'failed') {
      // Without the record it may not run: it goes back, and is tried again when there is a connection.
      this.#endings.release(delivery)
      return null
    }
    if (next === null) {
      this.#endings.lost(delivery)
      return null
    }
    queue.forget(delivery)
    queue.held.set(next.key, next)
    return next
  }

  async #extend(delivery: Delivery, seconds: number): Promise<void> {
    const { queue, fence } = delivery
    const sentMs = performance.now()
    const doing = { verb: `extend the lease of message ${fence.id}`, grants: 'grant select, update on pgmq."q_{q}"' }
    const verdicts = delivery.lost
      ? null
      : await this.#leasing.run(queue.name, doing, (shape) => extend(shape, [fence], seconds))
    if (verdicts?.get(delivery.key) !== 'held' && verdicts?.get(delivery.key) !== 'busy') throw leaseLost(delivery)
    delivery.deadlineMs = Math.max(delivery.deadlineMs, sentMs + seconds * 1000)
  }

  #lost(delivery: Delivery): void {
    if (delivery.state !== 'waiting') return
    delivery.queue.unbuffer(delivery)
    this.#suspects.drop(delivery)
    this.#endings.lost(delivery)
    this.#changed()
  }

  // ── Stop ───────────────────────────────────────────────────────────────────────────────────────

  #releaseWaiting(): void {
    for (const queue of this.#o.queues) queue.buffer.length = 0
    for (const delivery of this.#heldOnes()) if (delivery.state === 'waiting') this.#endings.release(delivery)
  }

  /** A handler that outlives even the abort keeps its lease until it runs out; its end goes on record, so that is no crash. */
  async #noteLeftBehind(): Promise<void> {
    const left = this.#heldOnes().filter(({ state, queue }) => state === 'running' && this.#headers(queue))
    for (const delivery of left) {
      const { queue, fence, history, message } = delivery
      const doing = { verb: 'note a counter', grants: 'grant select, update on pgmq."q_{q}"' }
      await this.#settling
        .run(queue.name, doing, (shape) => note(shape, [fence], [endOfRun(history, message.readCount)]))
        .catch(() => undefined)
      this.#endings.lost(delivery)
    }
  }

  async #until(condition: () => boolean, limitMs: number): Promise<void> {
    const untilMs = performance.now() + limitMs
    while (!condition() && performance.now() < untilMs)
      await this.#settled.wait(Math.min(untilMs - performance.now(), 50))
  }

  /** No handler runs, no transaction is open, and no lease is under way, which would else be nobody's until it runs out. */
  get #resting(): boolean {
    return this.#slots.running === 0 && this.#completions.size === 0 && !this.fetchers.some(({ leasing }) => leasing)
  }

  // ── State ──────────────────────────────────────────────────────────────────────────────────────

  #mayNotLease(): boolean {
    return this.stopping || this.#quiet || this.#recovering || !this.connected || this.#settler.size > MOST_UNSETTLED
  }

  #changed(): void {
    this.#slots.fill()
    for (const fetcher of this.fetchers) fetcher.roomChanged()
    this.#settled.ring()
    announce()
  }

  #setQuiet(on: boolean): void {
    this.#quiet = on
    if (!on) for (const fetcher of this.fetchers) fetcher.roomChanged()
  }

  #company(): number {
    return this.#held() - this.#suspects.size + this.fetchers.filter(({ leasing }) => leasing).length + this.strays
  }

  #held(): number {
    return this.#o.queues.reduce((sum, { held }) => sum + held.size, 0)
  }

  #heldOnes(): Delivery[] {
    return this.#o.queues.flatMap(({ held }) => [...held.values()])
  }

  #headers(queue: QueueRun): boolean {
    return this.#o.context.shared.knowledge.shapes.get(queue.name.physical)?.headers ?? true
  }

  #listen(fetcher: Fetcher): void {
    const { context, worker } = this.#o
    const { notifier } = context.shared.driver
    notifier
      ?.listen(
        channelOf(fetcher.queue.name),
        () => fetcher.notified(),
        (up) => up && fetcher.wake(true),
      )
      .then(
        (unlisten) => (this.stopping ? unlisten() : void this.#unlisten.push(unlisten)),
        (error: unknown) => worker.logger?.warn({ err: error }, `cannot listen, polling instead: ${errorText(error)}`),
      )
  }

  #linkChanged(error: PgmqError | null): void {
    if (this.connected === this.#connected) return
    this.#connected = this.connected
    if (this.#connected) void this.#recover()
    this.#o.events.emit('connection', () => (error ? { up: false, error } : { up: true }))
  }

  /** What is finished, and what is held, comes before anything new; and workers that lost one server do not all lease at once. */
  async #recover(): Promise<void> {
    this.#recovering = true
    this.#settler.wake()
    await Promise.all([...this.#heartbeats.values()].map((heartbeat) => heartbeat.beat()))
    await new Promise<void>((resolve) => setTimeout(resolve, Math.random() * 200))
    this.#recovering = false
    for (const fetcher of this.fetchers) fetcher.wake(true)
  }
}

function stopped(): Error {
  const error = new Error('the worker is stopping')
  error.name = 'AbortError'
  return error
}
