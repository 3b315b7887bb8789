import type { PgmqClient } from '../client/pgmq-client.js'
import type { Logger } from '../logger.js'
import type { Message } from '../message.js'
import type { HandlerContext } from './handler.js'

/** What an attempt asks of whoever runs it. */
export interface AttemptHost {
  readonly message: Message
  readonly attempt: number
  readonly signal: AbortSignal
  extend(seconds: number): Promise<void>
  completeWith(connection: unknown, output: unknown): Promise<void>
}

const nothing = (): void => {}
const SILENT: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing }

/** Made for every attempt, so whatever most handlers never touch is made on first reading. */
export class AttemptContext implements HandlerContext {
  readonly task: string
  readonly client: PgmqClient
  readonly #host: AttemptHost
  readonly #logger: Logger | undefined

  constructor(host: AttemptHost, task: string, client: PgmqClient, logger: Logger | undefined) {
    this.#host = host
    this.#logger = logger
    this.task = task
    this.client = client
  }
  get message(): Message {
    return this.#host.message
  }
  get attempt(): number {
    return this.#host.attempt
  }
  get signal(): AbortSignal {
    return this.#host.signal
  }
  get extend(): (seconds: number) => Promise<void> {
    return (seconds) => this.#host.extend(seconds)
  }
  get completeWith(): (connection: unknown, output?: unknown) => Promise<void> {
    return (connection, output) => this.#host.completeWith(connection, output)
  }
  get log(): Logger {
    const logger = this.#logger
    if (!logger) return SILENT
    const { queue, id } = this.message
    const own = { queue, id, task: this.task, attempt: this.attempt }
    return {
      debug: (fields, message) => logger.debug({ ...own, ...fields }, message),
      info: (fields, message) => logger.info({ ...own, ...fields }, message),
      warn: (fields, message) => logger.warn({ ...own, ...fields }, message),
      error: (fields, message) => logger.error({ ...own, ...fields }, message),
    }
  }
}
