import type { Driver, ReservedConnection } from '../driver.js'
import { isPgmqError, type PgmqError } from '../errors.js'
import type { QueueName } from '../queue-name.js'
import { type Doing, type Knowledge, Session } from '../session.js'
import { fromDriver } from '../sql-state.js'
import type { QueueShape, Statement } from '../statements/parts.js'

const FIRST_BACKOFF_MS = 100
/** Nothing is done meanwhile: a worker that has waited for an hour is to be back at once. */
const LAST_BACKOFF_MS = 2_000
/** The server has become a standby: its successor is behind another connection. */
const READ_ONLY = '25006'

/** Errors after which the connection is not to be trusted, whoever's fault it was. */
export function isConnectionError(error: unknown): boolean {
  if (isPgmqError(error, 'QUERY_FAILED')) return error.details.sqlState === READ_ONLY
  return isPgmqError(error, 'CONNECTION_LOST') || isPgmqError(error, 'OUTCOME_UNKNOWN')
}

/**
 * A connection of the worker's own, replaced when it breaks. While there is none, statements are refused at once: what
 * they were to do is kept by whoever wanted it, and done after `onUp`.
 */
export class Link {
  readonly #driver: Driver
  readonly #knowledge: Knowledge
  readonly #onChange: (error: PgmqError | null) => void
  readonly #timeoutMs: number
  #reserved: ReservedConnection | null = null
  #session: Session | null = null
  #timer?: ReturnType<typeof setTimeout>
  #closed = false

  /** `onChange` tells each time that the connection is there (`null`) or lost. */
  constructor(driver: Driver, knowledge: Knowledge, timeoutMs: number, onChange: (error: PgmqError | null) => void) {
    this.#driver = driver
    this.#knowledge = knowledge
    this.#timeoutMs = timeoutMs
    this.#onChange = onChange
  }

  get up(): boolean {
    return this.#session !== null
  }

  /** The first connection. @throws CONNECTION_LOST */
  async open(): Promise<void> {
    try {
      await this.#connect()
    } catch (error) {
      throw fromDriver(error, "open a connection of the worker's own")
    }
  }

  /** Runs a statement on a queue. @throws CONNECTION_LOST at once while there is no connection */
  async run<T>(queue: QueueName, doing: Doing, make: (shape: QueueShape) => Statement<T>): Promise<T> {
    return await this.#guard((session) => session.run(queue, this.#timed(doing), make), doing)
  }

  /** Runs a statement that needs no queue, or several. */
  async query<T>(statement: Statement<T>, doing: Doing): Promise<T> {
    return await this.#guard((session) => session.query(statement, this.#timed(doing)), doing)
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#session = null
    await this.#reserved?.release()
    this.#reserved = null
  }

  async #guard<T>(work: (session: Session) => Promise<T>, doing: Doing): Promise<T> {
    const session = this.#session
    if (!session) throw fromDriver({ sent: false, message: 'reconnecting' }, doing.verb)
    try {
      return await work(session)
    } catch (error) {
      if (isConnectionError(error)) this.#drop(session, error as PgmqError)
      throw error
    }
  }

  #timed(doing: Doing): Doing {
    return { ...doing, query: { timeoutMs: this.#timeoutMs, ...doing.query } }
  }

  #drop(session: Session, error: PgmqError): void {
    if (this.#session !== session) return
    this.#session = null
    void this.#reserved?.release()
    this.#reserved = null
    this.#onChange(error)
    this.#reconnect(FIRST_BACKOFF_MS)
  }

  #reconnect(backoffMs: number): void {
    if (this.#closed) return
    const jittered = backoffMs * (0.5 + Math.random() / 2)
    this.#timer = setTimeout(() => {
      this.#connect().then(
        () => this.#onChange(null),
        () => this.#reconnect(Math.min(backoffMs * 2, LAST_BACKOFF_MS)),
      )
    }, jittered)
  }

  async #connect(): Promise<void> {
    const reserved = await this.#driver.reserve?.()
    if (!reserved) throw new TypeError('the driver cannot reserve a connection')
    if (this.#closed) return await reserved.release()
    this.#reserved = reserved
    this.#session = new Session(reserved.executor, this.#knowledge)
  }
}
