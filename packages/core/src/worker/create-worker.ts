/// <reference lib="esnext.disposable" />
import type { Handlers, Tasks } from '../attempt/handler.js'
import { positive, seconds, wholeNumber } from '../checks.js'
import type { ClientContext } from '../client/context.js'
import { contextOf } from '../client/create-client.js'
import { makeQueue } from '../client/make-queue.js'
import { configurationInvalid } from '../errors.js'
import { deadLetterName, queueName } from '../queue-name.js'
import { permissionDenied, queueNotFound } from '../session.js'
import { mayInsert } from '../statements/catalog.js'
import { Engine } from './engine.js'
import { Emitter, type WorkerEvents } from './events.js'
import { logEvents } from './log-events.js'
import { LoopDelay } from './loop-delay.js'
import { Parked } from './parked.js'
import { QueueRun } from './queue-run.js'
import { registerTasks } from './registry.js'
import type { DrainResult, Worker, WorkerHealth } from './worker.js'
import {
  type QueueOptions,
  type ResolvedWorkerOptions,
  resolveWorkerOptions,
  type WorkerOptions,
} from './worker-options.js'

/**
 * A worker for some tasks. Opens nothing until `start` or `drain`.
 *
 * @throws CONFIGURATION_INVALID
 * @example const worker = createWorker({ client, tasks, handlers: { sendWelcomeEmail: async ({ email }, { signal }) => { await mailer.send(email, { signal }) } } })
 */
export function createWorker<const T extends Tasks, Connection>(options: WorkerOptions<T, Connection>): Worker {
  const context = contextOf(options.client)
  const resolved = resolveWorkerOptions(options, context.shared.options)
  const { queuePrefix, visibilitySeconds, retry } = context.shared.options
  const settings: Readonly<Record<string, QueueOptions | undefined>> = options.queues ?? {}
  const queues = (): QueueRun[] =>
    [...registerTasks(options.tasks, options.handlers as Handlers<Tasks>)].map(
      ([name, tasks]) =>
        new QueueRun(queueName(name, queuePrefix), tasks, settings[name] ?? {}, resolved, { visibilitySeconds, retry }),
    )
  queues()
  return new PgmqWorker(options.client, context, resolved, queues)
}

class PgmqWorker implements Worker {
  readonly #client: WorkerOptions<Tasks, never>['client']
  readonly #context: ClientContext
  readonly #options: ResolvedWorkerOptions
  readonly #queues: () => QueueRun[]
  readonly #events: Emitter
  readonly #parked = new Parked()
  readonly #delay = new LoopDelay((lateMs) => this.#engine?.loopTicked(lateMs))
  #state: WorkerHealth['state'] = 'idle'
  #engine: Engine | null = null
  #running: readonly QueueRun[] = []
  #starting: Promise<void> | null = null
  #stopping: Promise<void> | null = null
  /** Stops listening to the signal that `start` was given. */
  #letGo: (() => void) | null = null

  constructor(
    client: WorkerOptions<Tasks, never>['client'],
    context: ClientContext,
    options: ResolvedWorkerOptions,
    queues: () => QueueRun[],
  ) {
    this.#client = client
    this.#context = context
    this.#options = options
    this.#queues = queues
    this.#events = new Emitter(options.logger)
    if (options.logger) logEvents(this.#events, options.logger)
  }

  async start({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    signal?.throwIfAborted()
    await this.#run(false, Number.POSITIVE_INFINITY)
    if (!signal) return
    if (signal.aborted) return await this.stop()
    const onAbort = (): void => void this.stop()
    signal.addEventListener('abort', onAbort)
    this.#letGo = () => signal.removeEventListener('abort', onAbort)
  }

  async stop(options: { readonly graceSeconds?: number } = {}): Promise<void> {
    const graceSeconds = seconds('graceSeconds', options.graceSeconds ?? this.#options.graceSeconds)
    if (this.#engine) this.#state = 'stopping'
    else await this.#starting?.catch(() => undefined)
    this.#stopping ??= this.#stop(graceSeconds).finally(() => {
      this.#stopping = null
    })
    await this.#stopping
  }

  async drain(
    options: { readonly maxMs?: number; readonly maxMessages?: number; readonly signal?: AbortSignal } = {},
  ): Promise<DrainResult> {
    const { maxMs, maxMessages, signal } = options
    const untilMs = maxMs === undefined ? Number.POSITIVE_INFINITY : performance.now() + positive('maxMs', maxMs)
    signal?.throwIfAborted()
    const counts = { succeeded: 0, retried: 0, snoozed: 0, deadLettered: 0, leaseLost: 0 }
    const undo = (Object.keys(counts) as (keyof typeof counts)[]).map((event) =>
      this.#events.on(event, () => void counts[event]++),
    )
    try {
      await this.#run(
        true,
        maxMessages === undefined ? Number.POSITIVE_INFINITY : wholeNumber('maxMessages', maxMessages, 1),
      )
      const engine = this.#engine as Engine
      while (!engine.exhausted && performance.now() < untilMs && !signal?.aborted)
        await engine.changed(Math.min(untilMs - performance.now(), 100))
      const more = engine.moreToDo
      await this.stop()
      if (engine.failure !== null) throw engine.failure
      const { leaseLost, ...others } = counts
      return { ...others, lost: leaseLost, more }
    } finally {
      for (const off of undo) off()
    }
  }

  health(): WorkerHealth {
    const engine = this.#engine
    const running = this.#running.flatMap(({ held }) => [...held.values()]).filter(({ startedMs }) => startedMs > 0)
    const oldestMs = running.reduce((oldest, { startedMs }) => Math.min(oldest, startedMs), Number.POSITIVE_INFINITY)
    const connected = engine?.connected ?? false
    const strays = engine?.strays ?? 0
    const leases = (engine?.fetchers ?? []).map(({ lastLeaseAt }) => lastLeaseAt?.getTime() ?? 0)
    const last = Math.max(0, ...leases)
    return {
      state: this.#state,
      ready: this.#state === 'running' && connected && this.#parked.size === 0 && strays < this.#options.concurrency,
      connected,
      inFlight: engine?.inFlight ?? 0,
      strays,
      unwrittenDeadLetters: this.#parked.size,
      lastLeaseAt: last > 0 ? new Date(last) : null,
      oldestLeaseSeconds: running.length > 0 ? (performance.now() - oldestMs) / 1000 : null,
      eventLoopDelayMs: engine ? this.#delay.ms : 0,
    }
  }

  on<E extends keyof WorkerEvents>(event: E, listener: (event: WorkerEvents[E]) => void): () => void {
    return this.#events.on(event, listener)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  /** Opens a run, unless there is one. */
  async #run(drain: boolean, maxMessages: number): Promise<void> {
    if (this.#state === 'running' || this.#state === 'stopping')
      throw configurationInvalid('worker', `this worker is ${this.#state}: stop it before it starts or drains again`)
    this.#context.assertOpen()
    if (!this.#context.shared.driver.reserve) {
      throw configurationInvalid(
        'client',
        'this client is on a single connection, so its worker has none of its own: give createClient a pool or a URL',
      )
    }
    this.#state = 'running'
    this.#starting = this.#open(drain, maxMessages)
    await this.#starting
  }

  async #open(drain: boolean, maxMessages: number): Promise<void> {
    try {
      this.#running = this.#queues()
      for (const queue of this.#running) await this.#ensure(queue)
      const engine = new Engine({
        client: this.#client,
        context: this.#context,
        worker: this.#options,
        queues: this.#running,
        events: this.#events,
        parked: this.#parked,
        drain,
        maxMessages,
      })
      await engine.open()
      this.#engine = engine
      this.#delay.start()
      engine.run()
    } catch (error) {
      this.#state = 'idle'
      throw error
    }
  }

  /** The queue and its dead-letter queue are there, and a dead letter can be written. */
  async #ensure({ name, hasDeadLetterQueue }: QueueRun): Promise<void> {
    const { session, shared } = this.#context
    if (shared.options.createQueues) await makeQueue(this.#context, name)
    const doing = { verb: `work on queue "${name.logical}"`, grants: 'grant select, update, delete on pgmq."q_{q}"' }
    const entry = await session.inspect(name, doing)
    if (!entry.queue) throw queueNotFound(name, doing, 'createQueues is off, so create it before', undefined)
    if (entry.rowSecurity)
      this.#options.logger?.warn(
        { queue: name.logical },
        `queue '${name.logical}' has row-level security: jobs that its policies hide from this worker's role are never run`,
      )
    if (!hasDeadLetterQueue) return
    const letters = { logical: deadLetterName(name.logical), physical: deadLetterName(name.physical) }
    if (!entry.deadLetterQueue)
      throw queueNotFound(letters, doing, 'createQueues is off, so create it before', undefined)
    const { role, allowed } = await session.query(mayInsert(letters), doing)
    if (allowed) return
    const grant = `grant insert on pgmq."q_${letters.physical}" to ${role};`
    throw permissionDenied(
      role,
      grant,
      { verb: `write to "${letters.logical}", so failed jobs could not be kept`, grants: '' },
      'no insert privilege',
    )
  }

  async #stop(graceSeconds: number): Promise<void> {
    const engine = this.#engine
    if (!engine) return
    this.#state = 'stopping'
    this.#letGo?.()
    this.#letGo = null
    await engine.stop(graceSeconds)
    this.#delay.stop()
    this.#engine = null
    this.#running = []
    this.#state = 'stopped'
  }
}
