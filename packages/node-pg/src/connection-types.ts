/** What `pg` calls a connection, by shape: a `Client`, or a `PoolClient` that `pool.connect()` gave. Never a pool. */
export interface PgConnection {
  query(config: { text: string; values?: unknown[]; name?: string }): Promise<{ rows: unknown[] }>
  /** Only a pool has one, so this keeps pools out of `client.with` and `completeWith`. */
  readonly totalCount?: never
}

/** A `Pool` of `pg`, by shape. */
export interface PgPool {
  readonly options: object
  readonly totalCount: number
  query(config: { text: string; values?: unknown[]; name?: string }): Promise<{ rows: unknown[] }>
  connect(): Promise<PgConnection & { release(destroy?: boolean): void }>
}

/**
 * What the driver uses of a connection besides `query`. All optional: a look-alike, or `pg-native`, lacks some of it.
 *
 * @internal
 */
export interface PgInternals {
  on?(event: string, listener: (argument: never) => void): void
  removeListener?(event: string, listener: (argument: never) => void): void
  readonly processID?: number | null
  readonly secretKey?: unknown
  readonly host?: string
  readonly port?: number
  readonly ssl?: unknown
  readonly connection?: PgWire
}

/**
 * The protocol's end of a connection, `pg.Connection`.
 *
 * @internal
 */
export interface PgWire {
  readonly stream?: { destroy?(): void }
  on(event: string, listener: () => void): void
  connect(portOrPath: unknown, host?: string): void
  requestSsl(): void
  cancel(processID: number, secretKey: unknown): void
}

/** @internal */
export interface PgClient extends PgConnection, PgInternals {
  on(event: string, listener: (argument: never) => void): void
  connect(): Promise<unknown>
  end(): Promise<void>
}

/** @internal */
export type PgClientConstructor = new (options: object) => PgClient

/** @internal */
export function isPool(value: unknown): value is PgPool {
  return typeof (value as Partial<PgPool> | null | undefined)?.totalCount === 'number'
}
