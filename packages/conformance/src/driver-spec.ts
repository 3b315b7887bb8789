import type { Driver } from '@pgmq/core'

/**
 * What a driver may lack. `types`: a column that is no text comes as text all the same (core asks for texts alone). `server`: others can connect to its database. `pool`: its executor is no single connection, so
 * each statement commits by itself. `transaction`: `executorFor` joins the driver's own. `reserve`, `notifier`: the
 * port's members. `session`: what one connection sends stays in one session of the server's. `limits`: `timeoutMs` and
 * `signal`. `reconnect`: it outlives a connection that breaks.
 */
export type Capability =
  | 'types'
  | 'server'
  | 'pool'
  | 'transaction'
  | 'reserve'
  | 'session'
  | 'notifier'
  | 'limits'
  | 'reconnect'

export type Isolation = 'read committed' | 'repeatable read' | 'serializable'

/** A driver on the suite's database. */
export interface Opened<Connection> {
  readonly driver: Driver<Connection>
  /** Plain SQL as the driver's library has it. Only where nobody else can connect: see `server`. */
  sql?(text: string, params?: readonly unknown[]): Promise<readonly Row[]>
  /** A transaction on a connection of the driver's library: commits what `work` does, or rolls back when it rejects. */
  transaction?<T>(work: (transaction: Transaction<Connection>) => Promise<T>, isolation?: Isolation): Promise<T>
  /** Around each test, where the driver is inside a transaction. */
  beforeEach?(): Promise<unknown>
  afterEach?(): Promise<unknown>
  /** Ends what `setup` opened. */
  close(): Promise<unknown>
}

export interface Transaction<Connection> {
  /** What `client.with` takes. */
  readonly connection: Connection
  readonly sql: (text: string, params?: readonly unknown[]) => Promise<unknown>
}

export type Row = Readonly<Record<string, unknown>>

export interface DriverSpec<Connection> {
  readonly name: string
  /** Opens the driver on the database that `url` leads to. Called more than once. */
  setup(url: string): Opened<Connection> | Promise<Opened<Connection>>
  /** What it cannot do, each with the reason; the tests that need it are skipped by name, with that reason. */
  readonly missing?: Readonly<Partial<Record<Capability, string>>>
}
