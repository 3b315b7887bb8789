import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type EmbeddedPostgres, type StartPostgresOptions, type StopMode, startPostgres } from '@pgmq/embedded'
import pg from 'pg'

export type Settings = NonNullable<StartPostgresOptions['settings']>
export type Sql = <Row extends object>(text: string, values?: readonly unknown[]) => Promise<Row[]>

/** A durable server of our own, that is stopped and started again on the same port and data. */
export class Server {
  readonly port: number
  readonly dataDir: string
  readonly #folder: string
  readonly #settings: Settings
  /** Of the book-keeper, who is nobody's victim: other harms spare connections of this name. */
  readonly #pool: pg.Pool
  #postgres: EmbeddedPostgres

  private constructor(postgres: EmbeddedPostgres, folder: string, settings: Settings) {
    this.#postgres = postgres
    this.#folder = folder
    this.#settings = settings
    this.port = postgres.port
    this.dataDir = postgres.dataDir
    this.#pool = new pg.Pool({ connectionString: this.url('books'), max: 4, connectionTimeoutMillis: 5_000 })
    this.#pool.on('error', () => undefined)
  }

  static async start(settings: Settings = {}): Promise<Server> {
    const folder = await mkdtemp(path.join(tmpdir(), 'pgmq-chaos-'))
    // The server may run as another user.
    await chmod(folder, 0o755)
    return new Server(await startPostgres({ dataDir: path.join(folder, 'data'), settings }), folder, settings)
  }

  /** `name` is what the audit knows the connection by. */
  url(name: string, port: number = this.port): string {
    return urlOf(port, name)
  }

  get pid(): number {
    return this.#postgres.pid
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

  async close(): Promise<void> {
    await this.#pool.end()
    await this.#postgres.stop({ mode: 'immediate' })
    await rm(this.#folder, { recursive: true, force: true })
  }
}

export function urlOf(port: number, name: string): string {
  return `postgres://postgres@127.0.0.1:${port}/postgres?application_name=${name}`
}
