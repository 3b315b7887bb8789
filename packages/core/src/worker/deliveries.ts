import type { ClientContext } from '../client/context.js'
import { makeQueue } from '../client/make-queue.js'
import type { PgmqClient } from '../client/pgmq-client.js'
import { beginAlone, type HeaderPatch, joined } from '../retry/counters.js'
import type { Outcome } from '../retry/outcome.js'
import { type AloneMember, announce, join, leave } from './alone.js'
import { Arrivals } from './arrivals.js'
import { Completions } from './completions.js'
import type { Delivery } from './delivery.js'
import { Endings } from './endings.js'
import type { Emitter } from './events.js'
import type { Link } from './link.js'
import { LoopBlocks } from './loop-blocks.js'
import type { Parked } from './parked.js'
import type { QueueRun } from './queue-run.js'
import { Records } from './records.js'
import { Renewals } from './renewals.js'
import { Runner } from './runner.js'
import type { Settler } from './settler.js'
import { Slots } from './slots.js'
import { Suspects } from './suspects.js'
import type { ResolvedWorkerOptions } from './worker-options.js'

/** How soon to ask again about a lease in question, where the database gave no verdict. */
const NO_VERDICT_MS = 200

/** What the deliveries' room asks of its engine. */
export interface DeliveriesHost {
  readonly client: PgmqClient
  readonly context: ClientContext
  readonly worker: ResolvedWorkerOptions
  readonly queues: readonly QueueRun[]
  readonly events: Emitter
  readonly parked: Parked
  readonly leasing: Link
  readonly settling: Link
  readonly settler: Settler
  /** Leases under way, whose messages nobody holds yet. */
  leasesUnderWay(): number
  /** Nothing waits in the queues, as far as is known. */
  idle(): boolean
  /** Whether anything may be leased. */
  quiet(on: boolean): void
  /** Extends the leases of a queue now. Never rejects. */
  beat(queue: QueueRun): Promise<void>
  /** A message of this queue is back in it, for later. */
  putOff(queue: QueueRun): void
  /** A slot is free, or a delivery has ended. */
  changed(): void
}

/** Every delivery that a run of a worker holds, from its lease to its end: through the slots, the runner, and the endings. */
export class Deliveries {
  readonly #host: DeliveriesHost
  readonly #slots: Slots
  readonly #runner: Runner
  readonly #blocks: LoopBlocks
  readonly #records: Records
  readonly #renewals: Renewals
  readonly #endings: Endings
  readonly #completions: Completions
  readonly #suspects: Suspects
  readonly #arrivals: Arrivals
  readonly #member: AloneMember
  #phase: 'running' | 'stopping' | 'aborting' = 'running'
  #telling = false
  strays = 0

  constructor(host: DeliveriesHost) {
    const { context, queues, worker, events, leasing, settling } = host
    this.#host = host
    this.#records = new Records(leasing, settling)
    this.#renewals = new Renewals(settling)
    this.#endings = new Endings(this.#endingsHost())
    this.#completions = new Completions(context.shared, leasing, this.#endings, worker.logger)
    this.#blocks = new LoopBlocks(queues)
    this.#runner = new Runner(this.#runnerHost(), this.#blocks)
    this.#slots = new Slots(queues, worker.concurrency, (delivery) => this.#start(delivery))
    this.#member = {
      company: () => this.held - this.#suspects.size + host.leasesUnderWay() + this.strays,
      quiet: (on) => host.quiet(on),
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
  }

  /** In handlers. */
  get running(): number {
    return this.#slots.running
  }

  get held(): number {
    return this.#host.queues.reduce((sum, { held }) => sum + held.size, 0)
  }

  /** No handler runs, none is about to, and no transaction of one is open. */
  get resting(): boolean {
    return this.#slots.running === 0 && this.#renewals.size === 0 && this.#completions.size === 0
  }

  /** Ends that are neither in the database nor with the settler: their dead-letter queue or their transaction is asked after. */
  get unsettled(): number {
    return this.#endings.burying + this.#completions.size
  }

  /** Slots that could run something of this queue now. */
  freeSlots(queue: QueueRun): number {
    return this.#slots.free(queue)
  }

  /** Of what waits for a slot: how many wait for their own task, not for a slot. */
  blocked(queue: QueueRun): number {
    return this.#slots.blocked(queue)
  }

  /** Runs until `stop`. Never rejects. */
  async run(): Promise<void> {
    join(this.#member)
    await this.#suspects.run()
  }

  /** What has not started goes back; nothing more starts. */
  stop(): void {
    this.#phase = 'stopping'
    this.#suspects.stop()
    for (const { buffer } of this.#host.queues) buffer.length = 0
    for (const delivery of this.#all()) if (delivery.state === 'waiting') this.#endings.release(delivery)
  }

  /** The grace is over: every handler's signal aborts. */
  abort(): void {
    this.#phase = 'aborting'
    for (const delivery of this.#all()) if (delivery.state === 'running') delivery.abort(stopped())
  }

  /** A handler that outlives even the abort keeps its lease until it runs out; its end goes on record, so that is no crash. */
  async leaveBehind(): Promise<void> {
    this.#completions.stop()
    for (const delivery of this.#all().filter(({ state }) => state === 'running')) {
      // Its own transaction has the row of one that is completing, and tells its end.
      if (!delivery.completing) await this.#records.leftBehind(delivery).catch(() => undefined)
      this.#endings.lost(delivery)
    }
  }

  /** A timer was so late. */
  loopTicked(lateMs: number): void {
    // Of strays nobody knows what they do.
    const running = (): Delivery[] | null =>
      this.strays > 0 ? null : this.#all().filter(({ state }) => state === 'running')
    const blocked = this.#blocks.look(lateMs, running)
    if (blocked) this.#host.events.emit('eventLoopBlocked', () => blocked)
  }

  close(): void {
    leave(this.#member)
    this.#renewals.stop()
    this.#runner.timeouts.stop()
  }

  // ── From lease to handler ──────────────────────────────────────────────────────────────────────

  accept(queue: QueueRun, deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      queue.held.set(delivery.key, delivery)
      if (this.#stopping) this.#endings.release(delivery)
      else this.#arrivals.take(delivery)
    }
    this.#slots.fill()
  }

  #start(delivery: Delivery): void {
    if (performance.now() < delivery.deadlineMs) this.#runner.start(delivery)
    else void this.#startIfHeld(delivery)
  }

  /** Its lease may have run out while it waited (a blocked event loop, an outage): only the database can tell. */
  async #startIfHeld(delivery: Delivery): Promise<void> {
    const inQuestion = (): boolean => !delivery.lost && performance.now() >= delivery.deadlineMs
    while (inQuestion() && !this.#stopping) {
      await this.#host.beat(delivery.queue)
      if (inQuestion()) await new Promise<void>((resolve) => setTimeout(resolve, NO_VERDICT_MS))
    }
    if (!delivery.lost && !this.#stopping && delivery.state === 'waiting') return this.#runner.start(delivery)
    this.#slots.leave(delivery)
    if (!delivery.lost && delivery.state === 'waiting') this.#endings.release(delivery)
    this.#changed()
  }

  /** A heartbeat found another to have it. One that runs finds out by its signal. */
  lost(delivery: Delivery): void {
    if (delivery.state !== 'waiting') return
    delivery.queue.unbuffer(delivery)
    this.#suspects.drop(delivery)
    this.#endings.lost(delivery)
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
      const cutOff = this.#phase === 'aborting' && delivery.aborted && outcome.kind === 'failed' && !delivery.timedOut
      const inSlot = this.#endings.end(delivery, cutOff ? { kind: 'released' } : outcome)
      if (!inSlot) this.#leave(delivery)
    }
  }

  #leave(delivery: Delivery): void {
    this.#slots.leave(delivery)
    this.#changed()
  }

  /** A retry at once goes on in its slot, under a new receipt. */
  async #again(delivery: Delivery, patch: HeaderPatch, onFailure: () => void, report: () => void): Promise<void> {
    const next = await this.#renew(delivery, patch, onFailure)
    if (!next) return this.#leave(delivery)
    report()
    this.#slots.leave(delivery)
    if (this.#stopping) {
      this.#endings.release(next)
      this.#changed()
    } else {
      this.#slots.enter(next)
      this.#start(next)
    }
  }

  async #beginAlone(delivery: Delivery): Promise<Delivery | null> {
    const { history, message, recorded } = delivery
    if (!recorded) return delivery
    // Without the record it may not run: it goes back, and is tried again when there is a connection.
    const patch = beginAlone(history, message.readCount)
    const next = await this.#renew(delivery, patch, () => this.#endings.release(delivery))
    if (!next || !this.#stopping) return next
    this.#endings.release(next, joined(next.history.alone))
    return null
  }

  /** Ends the delivery in place; resolves to the one that follows it, unless its lease is lost or the database refused. */
  async #renew(delivery: Delivery, patch: HeaderPatch, onFailure: () => void): Promise<Delivery | null> {
    delivery.state = 'renewing'
    const next = await this.#renewals.renew(delivery, patch)
    if (next === 'failed') onFailure()
    else if (next === null) this.#endings.lost(delivery)
    else {
      delivery.queue.forget(delivery)
      delivery.queue.held.set(next.key, next)
      return next
    }
    return null
  }

  // ── What the rooms ask ─────────────────────────────────────────────────────────────────────────

  #runnerHost(): ConstructorParameters<typeof Runner>[0] {
    const { client, events, worker } = this.#host
    return {
      client,
      events,
      logger: worker.logger,
      middleware: worker.middleware,
      extend: (delivery, seconds) => this.#records.extend(delivery, seconds),
      completeWith: (delivery, connection, output) => this.#completions.complete(delivery, connection, output),
      ended: (delivery, outcome) => this.#ended(delivery, outcome),
      strayed: (change) => {
        this.strays += change
        announce()
      },
    }
  }

  #endingsHost(): ConstructorParameters<typeof Endings>[0] {
    const { events, parked, worker, settler } = this.#host
    const stopping = (): boolean => this.#stopping
    return {
      settler,
      events,
      parked,
      logger: worker.logger,
      get stopping() {
        return stopping()
      },
      again: (...args) => void this.#again(...args),
      ensureDeadLetterQueue: ({ queue }) => this.#ensureDeadLetterQueue(queue),
      putOff: (queue) => this.#host.putOff(queue),
      over: () => this.#changed(),
    }
  }

  #suspectHost(): ConstructorParameters<typeof Suspects>[0] {
    return {
      member: this.#member,
      beginAlone: (delivery) => this.#beginAlone(delivery),
      takeBack: (delivery) =>
        this.#records.joined(delivery).then(
          () => true,
          () => false,
        ),
      run: (delivery) =>
        new Promise((resolve) => {
          delivery.onOver = resolve
          this.#slots.enter(delivery)
          this.#start(delivery)
        }),
      idle: () => this.#member.company() === 0 && this.#host.idle(),
    }
  }

  async #ensureDeadLetterQueue({ name }: QueueRun): Promise<void> {
    const { context } = this.#host
    if (context.shared.options.createQueues) await makeQueue(context, name)
  }

  // ── State ──────────────────────────────────────────────────────────────────────────────────────

  get #stopping(): boolean {
    return this.#phase !== 'running'
  }

  /** Slots are filled at once; who else wants to know hears of it once for all that has ended meanwhile. */
  #changed(): void {
    this.#slots.fill()
    if (this.#telling) return
    this.#telling = true
    queueMicrotask(() => {
      this.#telling = false
      this.#host.changed()
      announce()
    })
  }

  #all(): Delivery[] {
    return this.#host.queues.flatMap(({ held }) => [...held.values()])
  }
}

function stopped(): Error {
  const error = new Error('the worker is stopping')
  error.name = 'AbortError'
  return error
}
