/**
 * The port: all that core asks of a PostgreSQL driver. Text goes in, text comes out; a driver never interprets a value.
 *
 * @module
 */

/** Numbers and arrays travel as text too: `'42'`, `'{1,2,3}'`. */
export type SqlParam = string | number | null

/** Every column as PostgreSQL's text, or `null`. */
export type SqlRow = Readonly<Record<string, string | null>>

export interface QueryOptions {
  /** Worth a named statement. @defaultValue false */
  readonly prepare?: boolean
  /** After so long the driver gives up on the connection and rejects with `{ sent: true }`. Without it: no limit. */
  readonly timeoutMs?: number
  /** Gives up in the same way when aborted. */
  readonly signal?: AbortSignal
}

export interface SqlExecutor {
  /**
   * `pool`: each query is a transaction of its own, on any connection.
   * `connection`: perhaps inside a caller's transaction, so nothing is coalesced, throttled, prepared, or tried that may fail.
   */
  readonly scope: 'pool' | 'connection'
  /**
   * Runs one statement.
   *
   * Rejects with an error whose `code` is the SQLSTATE; where there is none, with one that has `sent`: `false` when the
   * statement certainly never reached the server, `true` when it may have run. A connection that still has a query on it
   * after a time-out or an abort is destroyed or cancelled, never used again as it is. Where the server confirms that it
   * cancelled the statement, 57014 says so: nothing was written.
   */
  query(text: string, params: readonly SqlParam[], options?: QueryOptions): Promise<readonly SqlRow[]>
}

/** A connection of the worker's own; `release` closes it, whatever state it is in, and never rejects. */
export interface ReservedConnection {
  readonly executor: SqlExecutor
  release(): Promise<void>
}

export interface Notifier {
  /**
   * Listens on `channel` until the returned function is called. Reconnects by itself; `onState` tells each time that
   * listening begins (`true`) or breaks off (`false`).
   */
  listen(channel: string, onNotify: () => void, onState: (up: boolean) => void): Promise<() => Promise<void>>
}

/** `Connection` is what the driver calls a connection of its own; `never` where it has no such thing. */
export interface Driver<in Connection = never> {
  readonly executor: SqlExecutor
  readonly notifier?: Notifier
  /**
   * Lets `client.with` and `completeWith` take the driver's own connection.
   *
   * @throws a TypeError for anything that is not one, a pool among them
   */
  executorFor?(connection: Connection): SqlExecutor
  /** Opens a connection outside the pool's count, so that busy handlers never starve the worker's heartbeat. */
  reserve?(): Promise<ReservedConnection>
  /** Ends only what the driver opened. */
  close?(): Promise<void>
}
