import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type EmbeddedPostgres, type StartPostgresOptions, type StopMode, startPostgres } from '@pgmq/embedded'
import pg from 'pg'

export type Settings = NonNullable<StartPostgresOptions['settings']>
export type Sql = <Row extends object>(text: string, values?: readonly unknown[]) => Promise<Row[]>

/** A durable server of our own, that is stopped and started again on the same port and data. */
export class Server {
  readonly #folder: string
  readonly #settings: Settings
  /** Of the book-keeper, who is nobody's victim: other harms spare connections of this name. */
  #pool: pg.Pool
  #postgres: EmbeddedPostgres

  private constructor(postgres: EmbeddedPostgres, folder: string, settings: Settings) {
    this.#postgres = postgres
    this.#folder = folder
    this.#settings = settings
    this.#pool = poolOn(postgres.port)
  }

  static async start(settings: Settings = {}): Promise<Server> {
    const folder = await mkdtemp(path.join(tmpdir(), 'pgmq-chaos-'))
    // The server may run as another user.
    await chmod(folder, 0o755)
    return new Server(await startPostgres({ dataDir: path.join(folder, 'data'), settings }), folder, settings)
  }

  /** `name` is what the audit knows the connection by. */
  url(name: string): string {
    return urlOf(this.port, name)
  }

  get port(): number {
    return this.#postgres.port
  }

  get dataDir(): string {
    return this.#postgres.dataDir
  }

  readonly sql: Sql = async <Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row[]> =>
    (await this.#pool.query<Row>(text, [...values])).rows

  /** A connection for a transaction of the book-keeper's. */
  async connect(): Promise<pg.PoolClient> {
    return await this.#pool.connect()
  }

  async stop(mode: StopMode): Promise<void> {
    await this.#postgres.stop({ mode })
  }

  async startAgain(): Promise<void> {
    this.#postgres = await startPostgres({ dataDir: this.dataDir, port: this.port, settings: this.#settings })
  }

  /** From now on this is the server. */
  async promote(standby: EmbeddedPostgres): Promise<void> {
    const former = this.#pool
    this.#pool = poolOn(standby.port)
    this.#postgres = standby
    await this.sql('select pg_promote()')
    await former.end()
  }

  async close(): Promise<void> {
    await this.#pool.end()
    await this.#postgres.stop({ mode: 'immediate' })
    await rm(this.#folder, { recursive: true, force: true })
  }
}

/** A question to a server that is not the stage's. */
export async function ask<Row extends object>(
  port: number,
  text: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: urlOf(port, 'books') })
  await client.connect()
  try {
    return (await client.query<Row>(text, [...values])).rows
  } finally {
    await client.end()
  }
}

function poolOn(port: number): pg.Pool {
  const limits = { max: 6, idleTimeoutMillis: 0, connectionTimeoutMillis: 5_000 }
  const pool = new pg.Pool({ connectionString: urlOf(port, 'books'), ...limits })
  pool.on('error', () => undefined)
  return pool
}

export function urlOf(port: number, name: string): string {
  return `postgres://postgres@127.0.0.1:${port}/postgres?application_name=${name}`
}
