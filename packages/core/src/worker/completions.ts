import { warnOfClash } from '../attempt/archive-clash.js'
import { archivePatch } from '../attempt/conclude.js'
import { undone } from '../attempt/outcome-of.js'
import { warnOfOutput } from '../attempt/output-left-out.js'
import type { Shared } from '../client/context.js'
import { executorOf } from '../client/executor-of.js'
import type { Logger } from '../logger.js'
import { DEFAULTS } from '../options.js'
import type { Outcome } from '../retry/outcome.js'
import { type Doing, Session } from '../session.js'
import { type Completion, completion } from '../statements/completion.js'
import { archive, remove } from '../statements/settle.js'
import type { Delivery } from './delivery.js'
import type { Endings } from './endings.js'
import { leaseLost } from './heartbeat.js'
import type { Link } from './link.js'
import { timeoutMsOf } from './registry.js'

const ASK_AGAIN_MS = 1_000

interface Completed {
  readonly output: unknown
  /** Not where it was deleted, nor where the archive had another message of its id. */
  readonly inArchive: boolean
}

/** Acknowledgements inside handlers' own transactions. The worker never settles such a delivery: its transaction does. */
export class Completions {
  readonly #shared: Shared
  readonly #link: Link
  readonly #endings: Endings
  readonly #logger: Logger | undefined
  readonly #completed = new WeakMap<Delivery, Completed>()
  #open = 0
  #stop = (): void => {}
  #stopped = false
  readonly #stopping = new Promise<void>((resolve) => {
    this.#stop = resolve
  })

  constructor(shared: Shared, link: Link, endings: Endings, logger: Logger | undefined) {
    this.#shared = shared
    this.#link = link
    this.#endings = endings
    this.#logger = logger
  }

  /** Handlers that have ended, and whose transactions have not told yet. */
  get size(): number {
    return this.#open
  }

  /** What has not told by now is left to its transaction. */
  stop(): void {
    this.#stopped = true
    this.#stop()
  }

  /** Ends the lease on the caller's connection. @throws LEASE_LOST, CONFIGURATION_INVALID */
  async complete(delivery: Delivery, connection: unknown, output: unknown): Promise<void> {
    const { queue, fence } = delivery
    if (delivery.lost || delivery.state !== 'running') throw leaseLost(delivery)
    const session = new Session(executorOf(this.#shared, connection), this.#shared.knowledge)
    const { patch, leftOut } = archivePatch(delivery.history, output)
    const doing: Doing = {
      verb: `complete message ${fence.id} in your transaction (under REPEATABLE READ and SERIALIZABLE, call completeWith first in it)`,
      grants: 'grant select, update, delete on pgmq."q_{q}"; grant select, insert on pgmq."a_{q}"',
    }
    delivery.completing = true
    const deletes = queue.options.onSuccess === 'delete'
    const { keys, archived } = await session.run(queue.name, doing, (shape) =>
      deletes ? remove(shape, [fence]) : archive(shape, [fence], [patch]),
    )
    if (keys.length === 0) throw leaseLost(delivery)
    warnOfClash(this.#logger, queue.name.logical, keys.length - archived)
    if (leftOut && !deletes) warnOfOutput(this.#logger, delivery.message)
    this.#completed.set(delivery, { output, inArchive: !deletes && archived > 0 })
  }

  /**
   * The handler has ended, or outlived its time-out. Asks each second until its transaction has told; or, once it has
   * returned, until the time-out is over. Never rejects.
   */
  async conclude(delivery: Delivery, outcome: Outcome): Promise<void> {
    const limitMs =
      delivery.startedMs +
      (delivery.task
        ? timeoutMsOf(delivery.task.task, delivery.queue.options.timeoutSeconds)
        : DEFAULTS.timeoutSeconds * 1000)
    this.#open++
    try {
      for (;;) {
        const overdue = delivery.returned && performance.now() >= limitMs
        const state = await this.#ask(delivery)
        if (state === 'done') return this.#endings.completed(delivery, this.#completed.get(delivery)?.output)
        if (state === 'lost') return this.#endings.lost(delivery)
        if (state === 'undone') return void this.#endings.end(delivery, undone(delivery.message, outcome))
        if (this.#stopped || overdue) return this.#endings.lost(delivery)
        await Promise.race([new Promise<void>((resolve) => setTimeout(resolve, ASK_AGAIN_MS)), this.#stopping])
      }
    } finally {
      this.#open--
    }
  }

  async #ask(delivery: Delivery): Promise<Completion> {
    const { queue, fence } = delivery
    const doing: Doing = {
      verb: `look after message ${fence.id} of "${queue.name.logical}"`,
      grants: 'grant select, update on pgmq."q_{q}"; grant select on pgmq."a_{q}"',
    }
    const archived = this.#completed.get(delivery)?.inArchive ?? queue.options.onSuccess !== 'delete'
    // Without an answer it counts as open: the next second tells.
    return await this.#link
      .run(queue.name, doing, (shape) => completion(shape, fence, archived))
      .catch(() => 'open' as const)
  }
}
