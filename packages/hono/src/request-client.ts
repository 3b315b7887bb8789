import type { PgmqClient } from '@pgmq/core'
import type { Context } from 'hono'
import type { ResolvedOptions } from './options.js'

/** The client of one request: the one that is yours, or one that your function makes when it is first needed. */
export class RequestClient {
  readonly #c: Context
  readonly #options: ResolvedOptions
  #made: PgmqClient | null = null
  #inUse: Promise<unknown> = Promise.resolve()

  constructor(c: Context, options: ResolvedOptions) {
    this.#c = c
    this.#options = options
  }

  get client(): PgmqClient {
    const { client } = this.#options
    if (typeof client !== 'function') return client
    this.#made ??= client(this.#c)
    return this.#made
  }

  /** It stays open for so long, though the response has begun. */
  keepUntil(end: Promise<unknown>): void {
    this.#inUse = end
  }

  /** Closes what was made for this request, behind the response: nobody waits for it. */
  release(): void {
    const made = this.#made
    if (!made) return
    const closed = this.#inUse
      .then(() => made.close())
      .catch((error: unknown) => this.#options.logger.warn({ error }, 'the client of a request could not be closed'))
    keepAlive(this.#c, closed)
  }
}

/** Workers end a request's work with its response, unless they are told to wait. Elsewhere there is nothing to tell. */
function keepAlive(c: Context, work: Promise<unknown>): void {
  try {
    c.executionCtx.waitUntil(work)
  } catch {}
}
