type Parameter = string | number | null

interface Queries {
  unsafe(query: string, parameters?: Parameter[], options?: { prepare?: boolean }): PromiseLike<readonly unknown[]>
  typed(value: Parameter, type: number): unknown
}

/** What `postgres` calls a connection, by shape: a `TransactionSql` of `sql.begin`, a `ReservedSql` of `sql.reserve`. */
export type PostgresConnection = PostgresTransaction | PostgresReserved

interface PostgresTransaction extends Queries {
  savepoint(...args: never[]): unknown
}

interface PostgresReserved extends Queries {
  release(): void
}

/** An `Sql` of `postgres`, by shape: a pool. */
export interface PostgresPool extends Queries {
  readonly options: object
  begin(...args: never[]): unknown
}

/**
 * What of a connection of `postgres` the driver uses.
 *
 * @internal
 */
export interface Connection {
  unsafe(query: string, parameters: readonly unknown[], options: object): Query
  typed(value: Parameter, type: number): unknown
  readonly begin?: unknown
  readonly savepoint?: unknown
  readonly release?: unknown
}

/** @internal */
export interface Column {
  readonly name: string
  parser?: (text: string) => unknown
}

/**
 * The inside of a `Query` of `postgres`, which changes as it comes along.
 *
 * @internal
 */
export interface Query extends Promise<{ readonly columns?: readonly Column[] }> {
  /** The session that it was written to. `null`: not written yet. */
  readonly state: { readonly pid: number } | null
  /** The server may be running it: nothing is in front of it any more. */
  readonly active: boolean
  readonly statement: { columns?: Column[] | undefined }
  strings: readonly string[]
  args: readonly unknown[]
  /** Unlike `cancel`, which drops its promise: that would end the process when the request fails. */
  canceller(query: Query): Promise<void>
  forEach(onRow: () => void): Promise<unknown>
}

/**
 * The socket's side of a connection, as the option `onexecute` is given it.
 *
 * @internal
 */
export interface Wire {
  onclose?: ((error?: Error) => void) | null
  /** Called when a statement has ended. Unless it is `null` nobody else gets the connection. */
  reserved?: unknown
  /** What is on it rejects; whatever comes next finds it closed. */
  terminate(): void
}

/** @internal */
export interface Options {
  readonly host: readonly string[]
  readonly port: readonly number[]
  readonly path?: string | false
  readonly pass?: unknown
  readonly connect_timeout: number
  readonly connection: { readonly application_name?: string }
  readonly socket?: (options: Options) => unknown
  readonly onnotice?: unknown
}

/** @internal */
export interface Client extends Connection {
  readonly options: Options
  end(): Promise<void>
}

/** @internal */
export type Postgres = (options: object | string, more?: object) => Client

/** @internal */
export function isPool(value: unknown): value is PostgresPool {
  return typeof (value as Partial<PostgresPool> | null | undefined)?.begin === 'function'
}

/** @internal */
export function isConnection(value: unknown): boolean {
  const { unsafe, savepoint, release } = (value ?? {}) as Partial<Connection>
  return typeof unsafe === 'function' && typeof (savepoint ?? release) === 'function' && !isPool(value)
}
