import type { ReservedConnection } from '../driver.js'

/** A connection that listens, as a driver makes it. It opens nothing until `connect`. */
export interface Line extends ReservedConnection {
  /** Of the server's process, as the connection was told when it was made; `undefined` where it was not. */
  readonly processId: number | null | undefined
  /** Resolves when the connection has ended, for whatever reason, or could not be made. */
  readonly over: Promise<void>
  /** Called with the channel of each notification. */
  onNotify: (channel: string) => void
  connect(): Promise<void>
}
