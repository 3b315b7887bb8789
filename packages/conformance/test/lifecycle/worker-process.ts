import type { HandlerContext } from '../../../core/src/attempt/handler.js'
import { contextOf, createClient } from '../../../core/src/client/create-client.js'
import { PermanentError, RetryAfterError, SnoozeError } from '../../../core/src/handler-errors.js'
import { fenceOf } from '../../../core/src/message.js'
import { queueName } from '../../../core/src/queue-name.js'
import { unchecked } from '../../../core/src/schema.js'
import { lease } from '../../../core/src/statements/lease.js'
import { leaseKey } from '../../../core/src/statements/parts.js'
import { defineTask, type Task } from '../../../core/src/task.js'
import { announce } from '../../../core/src/worker/alone.js'
import { Deliveries } from '../../../core/src/worker/deliveries.js'
import { Delivery } from '../../../core/src/worker/delivery.js'
import { Emitter } from '../../../core/src/worker/events.js'
import { Heartbeat } from '../../../core/src/worker/heartbeat.js'
import { Parked } from '../../../core/src/worker/parked.js'
import { QueueRun } from '../../../core/src/worker/queue-run.js'
import { registerTasks } from '../../../core/src/worker/registry.js'
import { Settler } from '../../../core/src/worker/settler.js'
import { resolveWorkerOptions } from '../../../core/src/worker/worker-options.js'
import { inProcess, type ProcessGlobals } from './clock.js'
import { Gate, GatedLink } from './gate.js'
import type { Job, Ledger, ProcessView } from './ledger.js'

export const QUEUE = 'walk'
const CONCURRENCY = 2
/** Longer than a lease of its own takes to be in question, by some steps of the clock. */
const VISIBILITY_SECONDS = 1_000
export const TIMEOUT_SECONDS = 600
/** No retry comes due by itself: the walk says when. */
const RETRY = { backoff: { baseSeconds: 500, jitter: 'none' } } as const

export type Ending = 'success' | 'failure' | 'permanent' | 'snooze' | 'later'

/** A handler at work, and what its transaction has come to. */
export interface Run {
  readonly job: Job
  readonly life: number
  /** The key of its lease. */
  readonly key: string
  readonly context: HandlerContext<never, unknown>
  readonly resolve: (output: unknown) => void
  readonly reject: (error: unknown) => void
  timedOut: boolean
  transaction: 'none' | 'open' | 'committed' | 'rolledBack'
}

/** A worker's process, without its loops: the walk leases, flushes, beats and stops in their place. */
export class WorkerProcess implements ProcessView {
  readonly gate = new Gate()
  readonly running: Run[] = []
  /** Keys of deliveries whose handler has ended. */
  readonly ended = new Set<string>()
  phase: 'running' | 'stopping' | 'aborting' = 'running'
  /** That of a handler, by which it wants to complete its job. */
  transaction: { readonly run: Run; readonly completed: boolean } | null = null
  readonly #ledger: Ledger
  readonly #globals: ProcessGlobals = {}
  readonly #queue: QueueRun
  readonly #link: GatedLink
  readonly #settler: Settler
  readonly #heartbeat: Heartbeat
  readonly #deliveries: Deliveries
  #quiet = false
  #leasing = 0

  constructor(ledger: Ledger, taskNames: readonly string[], onSuccess: 'archive' | 'delete') {
    this.#ledger = ledger
    const client = createClient({ executor: this.gate }, { retry: RETRY })
    const context = contextOf(client)
    const tasks = Object.fromEntries(taskNames.map((name) => [name, taskOf(name)]))
    const handlers = Object.fromEntries(taskNames.map((name) => [name, this.#handle.bind(this)]))
    const options = { client, tasks, handlers, concurrency: CONCURRENCY }
    const worker = resolveWorkerOptions(options, context.shared.options)
    this.#queue = new QueueRun(
      queueName(QUEUE, undefined),
      registerTasks(tasks, handlers).get(QUEUE) ?? new Map(),
      { visibilitySeconds: VISIBILITY_SECONDS, timeoutSeconds: TIMEOUT_SECONDS, onSuccess },
      worker,
      { visibilitySeconds: VISIBILITY_SECONDS, retry: RETRY },
    )
    this.#link = new GatedLink(context)
    this.#settler = new Settler(this.#link, undefined, false)
    const events = new Emitter(undefined)
    events.on('timedOut', ({ message }) => this.#timedOut(leaseKey(fenceOf(message))))
    this.#deliveries = new Deliveries({
      client,
      context,
      worker,
      queues: [this.#queue],
      events,
      parked: new Parked(),
      leasing: this.#link,
      settling: this.#link,
      settler: this.#settler,
      leasesUnderWay: () => this.#leasing,
      idle: () => this.#leasing === 0,
      quiet: (on) => {
        this.#quiet = on
      },
      beat: () => this.#heartbeat.beat(),
      putOff: () => undefined,
      changed: () => undefined,
    })
    this.#heartbeat = new Heartbeat(this.#queue, this.#link, (delivery) => this.#deliveries.lost(delivery))
    // Stopped, it beats only when it is told to.
    void this.#heartbeat.stop()
    this.#as(() => void this.#deliveries.run())
  }

  get waiting(): number {
    return this.gate.waiting.length
  }

  get mayLease(): boolean {
    return this.phase === 'running' && !this.#quiet && this.#deliveries.freeSlots(this.#queue) > 0
  }

  /** Deliveries that have not ended here. */
  get held(): number {
    return this.#deliveries.held
  }

  isAloneWith(job: Job): boolean {
    return this.running.every((run) => run.job === job)
  }

  lease(limit: number): void {
    const request = { floor: null, limit, seconds: VISIBILITY_SECONDS, alone: true }
    const deadlineMs = performance.now() + VISIBILITY_SECONDS * 1000
    this.#leasing++
    this.#as(() => {
      void this.#link
        .run(this.#queue.name, { verb: 'lease', grants: '' }, (shape) => lease(shape, request))
        .then(
          ({ deliveries }) => {
            const held = deliveries.map((one) => new Delivery(this.#queue, one, deadlineMs))
            this.#deliveries.accept(this.#queue, held)
          },
          () => undefined,
        )
        .finally(() => {
          this.#leasing--
          announce()
        })
    })
  }

  flush(): void {
    this.#as(() => void this.#settler.flush())
  }

  beat(): void {
    this.#as(() => void this.#heartbeat.beat())
  }

  extend(run: Run): void {
    this.#as(() => void run.context.extend(2 * VISIBILITY_SECONDS).catch(() => undefined))
  }

  /** Resolves to whether the lease was still ours. */
  complete(run: Run, executor: unknown): Promise<boolean> {
    const completing = this.#as(() => run.context.completeWith(executor as never, { n: run.job.n }))
    return completing.then(
      () => true,
      (error: { code?: string }) => {
        if (error.code !== 'LEASE_LOST') throw error
        return false
      },
    )
  }

  finish(run: Run, ending: Ending): void {
    this.running.splice(this.running.indexOf(run), 1)
    this.ended.add(run.key)
    this.#count(run, ending)
    this.#as(() => {
      if (ending === 'success') run.resolve({ n: run.job.n })
      else run.reject(ERRORS[ending]())
    })
  }

  stop(): void {
    this.phase = 'stopping'
    this.#as(() => this.#deliveries.stop())
  }

  abort(): void {
    this.phase = 'aborting'
    this.#as(() => this.#deliveries.abort())
  }

  leaveBehind(): void {
    this.#as(() => void this.#deliveries.leaveBehind())
  }

  /** The process is no more. */
  end(): void {
    this.#as(() => this.#deliveries.close())
  }

  #handle(input: unknown, context: HandlerContext<never, unknown>): Promise<unknown> {
    const job = this.#ledger.job((input as { readonly n: number }).n)
    const key = leaseKey(fenceOf(context.message))
    return new Promise((resolve, reject) => {
      this.running.push({ job, life: job.life, key, context, resolve, reject, timedOut: false, transaction: 'none' })
    })
  }

  #timedOut(key: string): void {
    const run = this.running.find((one) => one.key === key)
    if (!run) return
    run.timedOut = true
    this.ended.add(key)
    if (run.life === run.job.life) run.job.failures++
  }

  /** What the job is to answer for. What comes after its time-out counts no more; nor what a transaction has told already. */
  #count({ job, life, timedOut, transaction }: Run, ending: Ending): void {
    if (timedOut || life !== job.life || transaction === 'committed') return
    if (ending === 'permanent') job.permanents++
    else if (ending === 'failure' || ending === 'later') job.failures++
    else if (ending === 'success' && transaction === 'none') job.successes++
    else if (ending === 'success' && transaction === 'rolledBack') job.failures++
  }

  #as<T>(work: () => T): T {
    return inProcess(this.#globals, work)
  }
}

const ERRORS: Readonly<Record<Exclude<Ending, 'success'>, () => Error>> = {
  failure: () => new Error('no'),
  permanent: () => new PermanentError('never'),
  snooze: () => new SnoozeError('not now', { delaySeconds: 500 }),
  later: () => new RetryAfterError('not yet', { delaySeconds: 500 }),
}

function taskOf(name: string): Task {
  return defineTask({ name, queue: QUEUE, input: unchecked<{ n: number }>() })
}
