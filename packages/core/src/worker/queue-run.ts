import { isKnownTo, taskNameOf } from '../attempt/input.js'
import type { Message } from '../message.js'
import type { QueueName } from '../queue-name.js'
import { isDeadLetterQueue } from '../queue-name.js'
import type { DecisionPolicy } from '../retry/decide.js'
import { type RetryPolicy, resolveRetry } from '../retry/policy.js'
import type { Task } from '../task.js'
import type { Delivery } from './delivery.js'
import { Prefetch } from './prefetch.js'
import type { RegisteredTask, TaskTable } from './registry.js'
import { Share } from './share.js'
import type { QueueOptions, ResolvedWorkerOptions } from './worker-options.js'

/** What a queue wants of the slots; its fetcher. */
interface Demand {
  /** There is nothing to lease, as far as is known. */
  readonly idle: boolean
  /** A lease is under way. */
  readonly leasing: boolean
}

/** One queue as a worker runs it: its settings, what it holds and what waits for a slot. */
export class QueueRun {
  readonly name: QueueName
  readonly tasks: TaskTable
  readonly options: QueueOptions
  readonly visibilityMs: number
  readonly hasDeadLetterQueue: boolean
  /** Some task of it has a limit of its own. */
  readonly hasLimits: boolean
  /** All deliveries that are not over, by key. */
  readonly held: Map<string, Delivery> = new Map()
  /** Those that wait for a slot, in order. */
  readonly buffer: Delivery[] = []
  readonly prefetch: Prefetch
  readonly weight: number
  readonly share: Share
  demand: Demand = { idle: true, leasing: false }
  /** Slots that its lease was last told to count on. */
  offered = 0
  running = 0
  readonly #policies = new Map<Task | null, DecisionPolicy>()
  readonly #worker: ResolvedWorkerOptions
  readonly #clientRetry: RetryPolicy

  constructor(
    name: QueueName,
    tasks: TaskTable,
    options: QueueOptions,
    worker: ResolvedWorkerOptions,
    client: { readonly visibilitySeconds: number; readonly retry: RetryPolicy },
  ) {
    this.name = name
    this.tasks = tasks
    this.options = options
    this.visibilityMs = (options.visibilitySeconds ?? client.visibilitySeconds) * 1000
    this.hasDeadLetterQueue = !isDeadLetterQueue(name.physical)
    this.hasLimits = [...tasks.values()].some(({ concurrency }) => concurrency !== Number.POSITIVE_INFINITY)
    this.weight = options.weight ?? 1
    this.share = new Share(this.weight)
    this.#worker = worker
    this.#clientRetry = client.retry
    this.prefetch = new Prefetch(this.concurrency)
  }

  /** Slots that this queue may use at once. */
  get concurrency(): number {
    return Math.min(this.options.concurrency ?? this.#worker.concurrency, this.#worker.concurrency)
  }

  get visibilitySeconds(): number {
    return this.visibilityMs / 1000
  }

  /** The task's policy over the queue's over the client's. */
  policyOf(task: Task | null): DecisionPolicy {
    let policy = this.#policies.get(task)
    if (!policy) {
      const { unknownTaskSeconds } = this.#worker
      policy = { ...resolveRetry(task?.retry, this.options.retry, this.#clientRetry), unknownTaskSeconds }
      this.#policies.set(task, policy)
    }
    return policy
  }

  /** What runs this message, if this worker knows its task. */
  taskOf(message: Message): RegisteredTask | null {
    const name = taskNameOf(message)
    return name === null ? null : (this.tasks.get(name) ?? null)
  }

  /** Whether a handler of this worker will run for it. */
  knows(message: Message): boolean {
    const registered = this.taskOf(message)
    return registered !== null && isKnownTo(registered.task, message)
  }

  /** Nothing more happens to it here. */
  forget(delivery: Delivery): void {
    delivery.state = 'over'
    this.held.delete(delivery.key)
    delivery.onOver?.()
  }

  unbuffer(delivery: Delivery): void {
    const index = this.buffer.indexOf(delivery)
    if (index >= 0) this.buffer.splice(index, 1)
  }
}
