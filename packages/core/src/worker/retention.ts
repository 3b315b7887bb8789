import { errorText, isPgmqError } from '../errors.js'
import type { Logger } from '../logger.js'
import type { Doing, Session } from '../session.js'
import { pruneArchive } from '../statements/prune-archive.js'
import { isConnectionError } from './link.js'
import type { QueueRun } from './queue-run.js'

const BATCH = 1_000
/** After a full batch: so long, or ten times what it took. */
const LEAST_PAUSE_MS = 100
/** Nothing is old: look again when a hundredth of the time to keep has passed, within these. */
const SOONEST_MS = 1_000
const LATEST_MS = 60_000
const TIMEOUT_MS = 5_000
const DAY_SECONDS = 86_400

/**
 * Prunes the archive of one queue, in small batches with pauses between them. On the client's pool, where it waits behind
 * whoever is there: never on the connections that lease and settle.
 */
export class Retention {
  readonly #queue: QueueRun
  readonly #keepSeconds: number
  readonly #session: Session
  readonly #logger: Logger | undefined
  #timer: unknown = null
  #pruning: Promise<void> | null = null
  #stopped = false
  /** Why it cannot be done for now; each reason is logged once. */
  #trouble: string | null = null

  constructor(queue: QueueRun, days: number, session: Session, logger: Logger | undefined) {
    this.#queue = queue
    this.#keepSeconds = days * DAY_SECONDS
    this.#session = session
    this.#logger = logger
  }

  start(): void {
    this.#schedule(SOONEST_MS * Math.random())
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#pruning
  }

  #schedule(ms: number): void {
    if (this.#stopped) return
    this.#timer = setTimeout(() => {
      this.#pruning = this.#prune().then((nextMs) => this.#schedule(nextMs))
    }, ms)
  }

  /** Resolves to how long to wait before the next. Never rejects. */
  async #prune(): Promise<number> {
    const { name } = this.#queue
    const doing: Doing = {
      verb: `prune the archive of "${name.logical}"`,
      grants: 'grant select, delete on pgmq."a_{q}"',
      query: { timeoutMs: TIMEOUT_MS },
    }
    const sentMs = performance.now()
    try {
      const count = await this.#session.runOn(name, pruneArchive(name, this.#keepSeconds, BATCH), doing)
      this.#tell(null)
      if (count === BATCH) return Math.max(LEAST_PAUSE_MS, 10 * (performance.now() - sentMs))
    } catch (error) {
      // That of the worker's own connections is told already.
      if (!isConnectionError(error)) this.#tell(error)
    }
    const laterMs = Math.min(Math.max(this.#keepSeconds * 10, SOONEST_MS), LATEST_MS)
    return laterMs * (0.9 + Math.random() * 0.1)
  }

  #tell(error: unknown): void {
    const trouble = error === null ? null : isPgmqError(error) ? error.code : errorText(error)
    if (trouble === this.#trouble) return
    this.#trouble = trouble
    const queue = this.#queue.name.logical
    if (trouble === null) this.#logger?.info({ queue }, `the archive of '${queue}' is pruned again`)
    else
      this.#logger?.warn({ queue, err: error }, `the archive of '${queue}' is not pruned for now: ${errorText(error)}`)
  }
}
