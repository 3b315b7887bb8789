import type { ClientContext } from '../client/context.js'
import type { PgmqError } from '../errors.js'
import { Link } from './link.js'

export interface LinksOptions {
  readonly context: ClientContext
  /** For each statement. */
  readonly timeoutMs: number
  /** One connection does it all. */
  readonly single: boolean
  /** They are all there (`null`), or no longer. */
  readonly onChange: (error: PgmqError | null) => void
}

/** The connections of a run: one for leases and heartbeats, which never wait for a row, and one for the rest. */
export class Links {
  readonly leasing: Link
  readonly settling: Link
  readonly #onChange: (error: PgmqError | null) => void
  #connected = false

  constructor({ context, timeoutMs, single, onChange }: LinksOptions) {
    const { driver, knowledge } = context.shared
    const link = (): Link => new Link(driver, knowledge, timeoutMs, (error) => this.#changed(error))
    this.#onChange = onChange
    this.leasing = link()
    this.settling = single ? this.leasing : link()
  }

  get connected(): boolean {
    return this.leasing.up && this.settling.up
  }

  /** @throws CONNECTION_LOST */
  async open(): Promise<void> {
    await this.leasing.open()
    if (this.settling !== this.leasing) await this.settling.open()
    this.#connected = this.connected
  }

  async close(): Promise<void> {
    await Promise.all([this.leasing.close(), this.settling.close()])
  }

  #changed(error: PgmqError | null): void {
    if (this.connected === this.#connected) return
    this.#connected = this.connected
    this.#onChange(this.#connected ? null : error)
  }
}
