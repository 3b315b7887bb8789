import { endsWithin, type Line } from '@pgmq/core/driver-kit'
import { asTheyAre } from './column-names.js'
import type { Options, Postgres } from './connection-types.js'
import { createExecutor } from './executor.js'
import { cancel, ignore } from './hang-up.js'
import { send } from './send.js'
import { connectMs, settings } from './settings.js'
import { dial, type Socket } from './socket.js'
import { type Source, type Turns, turnSource } from './sources.js'

const GOODBYE_MS = 1_000

/** A connection outside the pool's count, with the pool's settings. It opens nothing until `connect`, and never again. */
export class Dedicated implements Line {
  readonly source: Source
  readonly executor: Line['executor']
  /** Resolves when the connection has ended, for whatever reason, or could not be made. */
  readonly over: Promise<void>
  /** Of the server, as it told when we connected. */
  processId: number | undefined
  onNotify: (channel: string) => void = ignore
  readonly #options: Options
  readonly #sql: ReturnType<Postgres>
  readonly #turns: Turns = {}
  #socket: Socket | undefined
  #failure: unknown
  #ended = false
  #hosts = 0
  #end = ignore

  constructor(postgres: Postgres, options: Options) {
    const cut = (why?: unknown): void => this.#cut(why)
    this.#options = options
    this.over = new Promise((resolve) => {
      this.#end = resolve
    })
    this.#sql = postgres(
      settings(options, {
        socket: () => this.#dial(),
        onclose: () => cut(),
        onnotify: (channel) => this.onNotify(channel),
        onPassFailure: cut,
      }),
    )
    this.source = turnSource('pool', this.#sql, this.#turns, cut)
    this.executor = createExecutor(this.source, asTheyAre)
  }

  async connect(): Promise<void> {
    const { query, rows } = send(this.#sql, 'select 1', [])
    this.#turns.query = query
    const timeoutMs = connectMs(this.#options)
    const timer = setTimeout(() => this.#cut(new Error(`not connected within ${timeoutMs} ms`)), timeoutMs)
    const ended = this.over.then(() => this.#refuse())
    try {
      await Promise.race([rows, ended])
      this.processId = query.state?.pid
    } catch (error) {
      this.#cut()
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  async release(): Promise<void> {
    const { query, over } = this.#turns
    this.#turns.over = true
    if (!over && this.processId) {
      if (query?.active) await cancel(query)
      else await endsWithin(this.#sql.end(), GOODBYE_MS)
    }
    this.#cut()
  }

  /** `false`: it does not keep the process alive. */
  hold(held: boolean): void {
    if (held) this.#socket?.ref?.()
    else this.#socket?.unref?.()
  }

  /** At once, whatever is on it. */
  #cut(why?: unknown): void {
    this.#failure ??= why
    this.#ended = this.#turns.over = true
    this.#socket?.destroy()
    this.#end()
  }

  #refuse(): never {
    throw (this.#failure as Error | undefined) ?? new Error('the server closed the connection')
  }

  async #dial(): Promise<Socket> {
    const { host } = this.#options
    // Connected: all that is left to connect for is a request to cancel. `postgres` would also start another session by
    // itself, and nobody could tell.
    if (this.processId && this.#turns.query?.active && !this.#ended) {
      return await dial(this.#options, this.#hosts - 1, ignore)
    }
    while (!this.#ended && !this.processId && this.#hosts < host.length) {
      try {
        return await dial(this.#options, this.#hosts++, (socket) => {
          this.#socket = socket
        })
      } catch (error) {
        this.#failure = error
      }
    }
    this.#cut()
    this.#refuse()
  }
}
