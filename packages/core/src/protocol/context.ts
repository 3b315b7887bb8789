import { lockRefused, PATIENCE_MS } from '../client/clear-queue.js'
import type { SqlExecutor } from '../driver.js'
import { isPgmqError, type PgmqError, pgmqError } from '../errors.js'
import { existingQueueName, type QueueName } from '../queue-name.js'
import { type Doing, extensionMissing, type Knowledge, queueNotFound, Session } from '../session.js'
import type { QueueShape, Statement } from '../statements/parts.js'
import { functions, type Look, look } from '../statements/protocol/look.js'
import type { Feature } from './features.js'

/** What all that came from one `createProtocol` have learned of the server. */
export interface Learned {
  readonly knowledge: Knowledge
  functions: ReadonlySet<string>
  /** Seen once: it is not asked again before each statement inside a transaction. */
  installed: boolean
}

const NO_QUEUE: QueueName = { logical: '', physical: '' }
const UNDEFINED_FUNCTION = '42883'
const NO_SCHEMA = '3F000'
const UNDEFINED_COLUMN = '42703'

/** The protocol on one executor. */
export class ProtocolContext {
  readonly session: Session
  readonly #learned: Learned

  constructor(executor: SqlExecutor, learned: Learned) {
    this.session = new Session(executor, learned.knowledge)
    this.#learned = learned
  }

  on(executor: SqlExecutor): ProtocolContext {
    return new ProtocolContext(executor, this.#learned)
  }
  get pooled(): boolean {
    return this.session.executor.scope === 'pool'
  }

  /** A statement on a queue that there is. @throws QUEUE_NOT_FOUND, EXTENSION_MISSING */
  async run<T>(name: string, doing: Doing, make: (shape: QueueShape) => Statement<T>): Promise<T> {
    const queue = existingQueueName(name, undefined)
    try {
      return await this.session.run(queue, doing, make)
    } catch (error) {
      throw isPgmqError(error, 'QUEUE_NOT_FOUND') ? queueMissing(queue, doing, error.cause) : error
    }
  }

  /** What there is of a queue. @throws EXTENSION_MISSING */
  async look(queue: QueueName, doing: Doing): Promise<Look> {
    return await this.plain(doing, look(queue), queue)
  }

  /** What there is of a queue that must be there. @throws QUEUE_NOT_FOUND */
  async lookAtListed(name: string, doing: Doing): Promise<Look> {
    const queue = existingQueueName(name, undefined)
    const seen = await this.look(queue, doing)
    if (!seen.table || !seen.listed) throw queueMissing(queue, doing)
    return seen
  }

  /** A statement that needs no queue, or makes it. @throws EXTENSION_MISSING */
  async plain<T>(doing: Doing, statement: Statement<T>, queue: QueueName = NO_QUEUE): Promise<T> {
    if (!this.pooled && !this.#learned.installed) await this.#assertInstalled(doing)
    try {
      return await this.session.runOn(queue, statement, doing)
    } catch (error) {
      if (this.pooled && stateOf(error) !== null) await this.#assertInstalled(doing, error)
      throw error
    }
  }

  /** A statement that needs the queue's table for itself. @throws QUERY_FAILED with 55P03 when it does not get it */
  async alone<T>(name: string, doing: Doing, make: (patienceMs: number | null) => Statement<T>): Promise<T> {
    const statement = make(this.pooled ? PATIENCE_MS : null)
    return await this.plain(doing, statement, existingQueueName(name, undefined)).catch((error: unknown) => {
      throw lockRefused(error, doing)
    })
  }

  /** Asked for before it is tried. @throws FEATURE_UNSUPPORTED */
  async need(feature: Feature, doing: Doing): Promise<void> {
    if (!(await this.has(feature.signature, doing))) throw unsupported(feature, doing)
  }

  /** Whether pgmq has a function, by what was learned so far. */
  knows(signature: string): boolean {
    return this.#learned.functions.has(signature)
  }

  /** Whether pgmq has a function. What it has not it may have by now: then the catalog is asked again. */
  async has(signature: string, doing: Doing): Promise<boolean> {
    if (this.#learned.functions.has(signature)) return true
    this.#learned.functions = await this.session.runOn(NO_QUEUE, functions(), doing)
    if (this.#learned.functions.size === 0) await this.#assertInstalled(doing)
    return this.#learned.functions.has(signature)
  }

  /**
   * Work that one of pgmq's newer functions does. On a pool it is tried, and the server's refusal tells; a caller's
   * transaction would not survive that, so there the catalog is asked before.
   */
  async feature<T>(feature: Feature, doing: Doing, work: () => Promise<T>): Promise<T> {
    if (!this.pooled) await this.need(feature, doing)
    try {
      return await work()
    } catch (error) {
      if (!this.pooled || stateOf(error) !== UNDEFINED_FUNCTION) throw error
      this.#learned.functions = new Set()
      if (await this.has(feature.signature, doing)) throw error
      throw unsupported(feature, doing, error)
    }
  }

  async #assertInstalled(doing: Doing, error?: unknown): Promise<void> {
    const state = stateOf(error)
    if (error !== undefined && state !== NO_SCHEMA && state !== '42P01' && state !== UNDEFINED_FUNCTION) return
    const { installed, database } = await this.session.inspect(NO_QUEUE, doing)
    if (!installed) throw extensionMissing(database, error)
    this.#learned.installed = true
  }
}

export function stateOf(error: unknown): string | null {
  return isPgmqError(error, 'QUERY_FAILED') ? error.details.sqlState : null
}

/** One of pgmq's functions names a column that a table from before an update lacks. */
export const isAboutOldTable = (error: unknown): boolean => stateOf(error) === UNDEFINED_COLUMN

export function queueMissing(queue: QueueName, doing: Doing, cause?: unknown): PgmqError {
  const remedy = `Create it: await pgmq.create(${JSON.stringify(queue.logical)})`
  return queueNotFound(queue, doing, remedy, cause)
}

export function unsupported({ what, since, remedy }: Omit<Feature, 'signature'>, doing: Doing, cause?: unknown): Error {
  return pgmqError(
    'FEATURE_UNSUPPORTED',
    `cannot ${doing.verb}: ${what} came with pgmq ${since}, and the one in this database is older. ${remedy}`,
    { feature: what, since },
    cause,
  )
}
