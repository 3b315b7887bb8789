import { LONGEST_TIMER_MS } from './checks.js'
import type { QueryOptions, SqlExecutor } from './driver.js'
import { isPgmqError, type PgmqError, pgmqError } from './errors.js'
import type { Logger } from './logger.js'
import type { QueueName } from './queue-name.js'
import {
  fromDriver,
  INSUFFICIENT_PRIVILEGE,
  isAboutTables,
  isNamedStatement,
  isTransient,
  sqlStateOf,
  UNDEFINED_TABLE,
} from './sql-state.js'
import { type CatalogEntry, catalog, currentRole } from './statements/catalog.js'
import { newestShape, type QueueShape, queueTable, type Statement } from './statements/parts.js'

const TRIES = 5

/** What a client and its workers have learned of the database, shared by all their sessions. */
export class Knowledge {
  readonly shapes: Map<string, QueueShape> = new Map()
  prepare: boolean
  /** For a statement on a pool that brings no limit of its own. */
  readonly limitMs: number
  readonly #logger: Logger | undefined

  constructor(prepare: boolean, logger: Logger | undefined, limitMs: number = Number.POSITIVE_INFINITY) {
    this.prepare = prepare
    this.#logger = logger
    this.limitMs = limitMs
  }
  stopPreparing(): void {
    if (this.prepare)
      this.#logger?.warn(
        {},
        'a pooler in transaction mode is between us and PostgreSQL: prepared statements are switched off',
      )
    this.prepare = false
  }
}

/** How a statement is run: what it does, for errors, and which grant it needs. */
export interface Doing {
  /** Completes "cannot …". */
  readonly verb: string
  /** Privileges, one `grant` a `;`, without `to …`. `{q}` stands for the queue in the name of a table. */
  readonly grants: string
  readonly query?: QueryOptions
}

/** Runs statements on one executor: finds the form that the server's tables have, and turns refusals into our errors. */
export class Session {
  readonly executor: SqlExecutor
  readonly knowledge: Knowledge

  constructor(executor: SqlExecutor, knowledge: Knowledge) {
    this.executor = executor
    this.knowledge = knowledge
  }

  /**
   * Runs a statement on a queue. On a pool the newest form goes first, and the server's refusal teaches the older one; on
   * a caller's connection a failure would end the transaction, so the catalog is asked before.
   */
  async run<T>(queue: QueueName, doing: Doing, make: (shape: QueueShape) => Statement<T>): Promise<T> {
    let shape = this.knowledge.shapes.get(queue.physical) ?? (await this.#firstShape(queue, doing))
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await this.query(make(shape), doing)
        if (this.executor.scope === 'pool') this.knowledge.shapes.set(queue.physical, shape)
        return result
      } catch (error) {
        shape = await this.#learn(error, queue, shape, doing, attempt)
      }
    }
  }

  /** Runs a statement that knows no queue. */
  async query<T>(statement: Statement<T>, doing: Doing): Promise<T> {
    const pooled = this.executor.scope === 'pool'
    const limit = { ...this.#limit(statement), ...doing.query }
    for (let attempt = 1; ; attempt++) {
      const beganMs = performance.now()
      const prepare = pooled && statement.prepare === true && this.knowledge.prepare
      try {
        const options = prepare ? { ...limit, prepare } : limit
        return statement.decode(await this.executor.query(statement.text, statement.params, options))
      } catch (error) {
        const state = sqlStateOf(error)
        if (prepare && isNamedStatement(state)) this.knowledge.stopPreparing()
        else if (!pooled || attempt >= TRIES || !isTransient(state))
          throw fromDriver(error, doing.verb, statement.looks, this.#ranOut(doing, limit, beganMs))
      }
    }
  }

  /** A caller's transaction is his own to limit. */
  #limit({ patience = 1 }: Statement<unknown>): QueryOptions | undefined {
    const timeoutMs = this.knowledge.limitMs * patience
    return this.executor.scope === 'pool' && timeoutMs <= LONGEST_TIMER_MS ? { timeoutMs } : undefined
  }

  /** Of the client's limit. A timer may be a millisecond early. */
  #ranOut({ query }: Doing, { timeoutMs }: QueryOptions, beganMs: number): boolean {
    return query?.timeoutMs === undefined && performance.now() - beganMs >= (timeoutMs ?? Number.POSITIVE_INFINITY) - 1
  }

  /** Runs a statement that knows no queue, for an operator: first comes whether pgmq is there at all. */
  async runPlain<T>(statement: Statement<T>, doing: Doing): Promise<T> {
    const none: QueueName = { logical: '', physical: '' }
    const { installed, database } = await this.inspect(none, doing)
    if (!installed) throw extensionMissing(database)
    return await this.runOn(none, statement, doing)
  }

  /** Runs a statement that is the same for every form of the queue's tables. */
  async runOn<T>(queue: QueueName, statement: Statement<T>, doing: Doing): Promise<T> {
    return await this.query(statement, doing).catch(async (error: PgmqError) => {
      throw isDenied(error) ? await this.#denied(error, queue, doing) : error
    })
  }

  /** What there is of a queue, and what it looks like; remembered. */
  async inspect(queue: QueueName, doing: Doing): Promise<CatalogEntry> {
    const entry = await this.runOn(queue, catalog(queue), doing)
    if (!entry.queue) this.knowledge.shapes.delete(queue.physical)
    else if (entry.committed) this.knowledge.shapes.set(queue.physical, entry.shape)
    return entry
  }

  async #firstShape(queue: QueueName, doing: Doing): Promise<QueueShape> {
    if (this.executor.scope === 'pool') return newestShape(queue)
    const entry = await this.inspect(queue, doing)
    if (!entry.queue) throw missing(entry, queue, doing)
    return entry.shape
  }

  /** The form to try next; throws when the error was not about the form. */
  async #learn(
    error: unknown,
    queue: QueueName,
    tried: QueueShape,
    doing: Doing,
    attempt: number,
  ): Promise<QueueShape> {
    if (isDenied(error)) throw await this.#denied(error, queue, doing)
    const state = isPgmqError(error, 'QUERY_FAILED') ? error.details.sqlState : null
    const refused = isAboutTables(state)
    if (refused && this.executor.scope === 'connection') throw this.#ended(error as PgmqError, queue, doing)
    // What is not supported may be by now: the extension is updated while clients run.
    if (!refused && !isPgmqError(error, 'FEATURE_UNSUPPORTED')) throw error
    const entry = await this.inspect(queue, doing)
    if (!entry.queue) throw missing(entry, queue, doing, error)
    const { shape } = entry
    const changed = shape.headers !== tried.headers || shape.lastReadAt !== tried.lastReadAt
    // A table that was missing a moment ago may be another client's, who created it meanwhile.
    if (attempt > 1 || !(changed || state === UNDEFINED_TABLE)) throw error
    return shape
  }

  /** What was known of the queue is no longer so, and its transaction can be asked nothing. The next one looks anew. */
  #ended(error: PgmqError, queue: QueueName, doing: Doing): PgmqError {
    this.knowledge.shapes.delete(queue.physical)
    // A trigger may miss tables of its own; and what stands around a name is in the server's language.
    const [, after] = error.message.split(`pgmq.q_${queue.physical.toLowerCase()}`)
    if (after === undefined || /^\w/.test(after)) return error
    const remedy = 'It was dropped meanwhile, and that ended your transaction: roll back, and run it again'
    return queueNotFound(queue, doing, remedy, error)
  }

  async #denied(error: PgmqError, queue: QueueName, doing: Doing): Promise<PgmqError> {
    const role =
      this.executor.scope === 'pool' ? await this.query(currentRole(), doing).catch(() => 'your_role') : 'your_role'
    const policy = /row.level.security/i.test(error.message)
    return permissionDenied(role, policy ? policyFor(queue, role) : grantFor(doing, queue, role), doing, error)
  }
}

function isDenied(error: unknown): error is PgmqError {
  return isPgmqError(error, 'QUERY_FAILED') && error.details.sqlState === INSUFFICIENT_PRIVILEGE
}

export function permissionDenied(role: string, grant: string, doing: Doing, cause: unknown): PgmqError {
  const said =
    cause instanceof Error ? (cause.cause instanceof Error ? cause.cause.message : cause.message) : String(cause)
  return pgmqError('PERMISSION_DENIED', `role ${role} may not ${doing.verb} (${said}). Run: ${grant}`, { grant }, cause)
}

function policyFor(queue: QueueName, role: string): string {
  return `create policy ${role} on ${queueTable(queue)} to ${role} using (true) with check (true);`
}

function grantFor(doing: Doing, queue: QueueName, role: string): string {
  const table = queue.physical.toLowerCase().replaceAll('"', '""')
  const grants = ['grant usage on schema pgmq', ...doing.grants.split('; ')]
  return grants.map((grant) => `${grant.replaceAll('{q}', table)} to ${role};`).join(' ')
}

export function extensionMissing(database: string, cause?: unknown): PgmqError {
  return pgmqError(
    'EXTENSION_MISSING',
    `pgmq is not installed in database "${database}". As a superuser: CREATE EXTENSION pgmq; without that right, install it from its SQL file`,
    { database },
    cause,
  )
}

function missing(entry: CatalogEntry, queue: QueueName, doing: Doing, cause?: unknown): PgmqError {
  if (!entry.installed) return extensionMissing(entry.database, cause)
  return queueNotFound(queue, doing, `Create it: await client.queues.create(${JSON.stringify(queue.logical)})`, cause)
}

export function queueNotFound(queue: QueueName, doing: Doing, remedy: string, cause?: unknown): PgmqError {
  return pgmqError(
    'QUEUE_NOT_FOUND',
    `cannot ${doing.verb}: there is no queue "${queue.logical}". ${remedy}`,
    { queue: queue.logical },
    cause,
  )
}
