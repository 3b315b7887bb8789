import { type ClientOptions, createClient, type PgmqClient } from '@pgmq/node-pg'
import { describeDatabase, useTestDatabase } from '@pgmq/test-database'
import pg from 'pg'
import { afterAll, beforeAll } from 'vitest'

/** What a suite works with: clients on a database of its own, and plain SQL to look behind them. */
export interface Harness {
  readonly url: string
  readonly pool: pg.Pool
  /** On the suite's pool, with defaults. */
  readonly client: PgmqClient
  /** Another client; closed after the suite. */
  readonly clientWith: (options: ClientOptions, pool?: pg.Pool) => PgmqClient
  /** A pool; ended after the suite. */
  readonly poolWith: (options: pg.PoolConfig) => pg.Pool
  readonly sql: <Row extends pg.QueryResultRow>(text: string, params?: unknown[]) => Promise<Row[]>
  /** Runs in a transaction on a connection of its own, and commits unless it throws. */
  readonly transaction: <T>(work: (connection: pg.PoolClient) => Promise<T>) => Promise<T>
  /** A queue name that no other test of the suite uses. */
  readonly queue: () => string
}

/** A suite on a real PostgreSQL; skipped with a reason where there is to be none. */
export function describeSuite(name: string, suite: (harness: Harness) => void): void {
  describeDatabase(name, () => {
    const database = useTestDatabase()
    const pools: pg.Pool[] = []
    const clients: PgmqClient[] = []
    let pool: pg.Pool | undefined
    let client: PgmqClient | undefined
    let count = 0
    const poolWith = (options: pg.PoolConfig): pg.Pool => {
      const made = new pg.Pool({ connectionString: database.url, ...options })
      made.on('error', () => undefined)
      pools.push(made)
      return made
    }
    const own = (): pg.Pool => (pool ??= poolWith({ max: 10 }))
    beforeAll(() => {
      client = createClient(own())
      clients.push(client)
    })
    afterAll(async () => {
      await Promise.all(clients.map((one) => one.close()))
      await Promise.all(pools.map((one) => one.end()))
    })
    suite({
      get url() {
        return database.url
      },
      get pool() {
        return own()
      },
      get client() {
        return client as PgmqClient
      },
      poolWith,
      clientWith(options, on = own()) {
        const made = createClient(on, options)
        clients.push(made)
        return made
      },
      async sql(text, params) {
        return (await own().query(text, params)).rows as never
      },
      async transaction(work) {
        const connection = await own().connect()
        try {
          await connection.query('begin')
          const result = await work(connection)
          await connection.query('commit')
          return result
        } catch (error) {
          await connection.query('rollback')
          throw error
        } finally {
          connection.release()
        }
      },
      queue: () => `queue_${++count}`,
    })
  })
}
