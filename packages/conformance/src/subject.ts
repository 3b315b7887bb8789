import { type ClientOptions, createClient, type Driver, type PgmqClient } from '@pgmq/core'
import { useTestDatabase } from '@pgmq/test-database'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, it, onTestFinished } from 'vitest'
import type { Capability, DriverSpec, Isolation, Opened, Row, Transaction } from './driver-spec.js'

/** The driver under test, as the concerns see it. */
export interface Subject<Connection> {
  readonly driver: Driver<Connection>
  /** On the driver, with defaults. */
  readonly client: PgmqClient<Connection>
  /** Another client on the driver. */
  readonly clientWith: (options: ClientOptions) => PgmqClient<Connection>
  /** The driver opened once more; closed after the test. */
  readonly open: () => Promise<Opened<Connection>>
  /** Plain SQL behind the driver's back. */
  readonly sql: <R extends Row>(text: string, params?: readonly unknown[]) => Promise<readonly R[]>
  /** A connection of somebody else's, ended with the test. Needs `server`. */
  readonly other: () => Promise<pg.Client>
  readonly transaction: <T>(
    work: (transaction: Transaction<Connection>) => Promise<T>,
    isolation?: Isolation,
  ) => Promise<T>
  /** A queue of the test's own. */
  readonly queue: () => Promise<string>
  /** A test; skipped with the reason where the driver, or the connected pgmq, lacks what it needs. */
  readonly it: (name: string, needs: readonly (Capability | 'headers')[], test: () => Promise<unknown>) => void
}

/** What the tests run on, asked of itself. */
interface Server {
  readonly postgres: string
  readonly pgmq: string
}

declare module 'vitest' {
  interface TaskMeta {
    /** Of a test of a driver's suite that ran, for the reporter. */
    server?: Server
    /** Why the test is skipped, for the reporter. */
    skipped?: string
  }
}

const LOOK = `select split_part(current_setting('server_version'), ' ', 1) as postgres,
  coalesce((select extversion from pg_extension where extname = 'pgmq'), 'SQL only') as pgmq,
  (select count(*) from pg_attribute where attrelid = to_regclass('pgmq.message_record') and attname = 'headers')::text as headers`

export function useSubject<Connection>(spec: DriverSpec<Connection>): Subject<Connection> {
  const database = useTestDatabase()
  let opened: Opened<Connection> | undefined
  let client: PgmqClient<Connection> | undefined
  let looker: pg.Pool | undefined
  let server: Server | undefined
  let hasHeaders = false
  let count = 0
  const lacks = (need: Capability): string | undefined => spec.missing?.[need]
  const current = (): Opened<Connection> => {
    if (!opened) throw new Error('the driver is open only while tests and their hooks run')
    return opened
  }
  const sql = async (text: string, params: readonly unknown[] = []): Promise<readonly Row[]> =>
    (await current().sql?.(text, params)) ?? (await (looker as pg.Pool).query(text, [...params])).rows
  beforeAll(async () => {
    opened = await spec.setup(database.url)
    client = createClient(opened.driver)
    if (!opened.sql) {
      looker = new pg.Pool({ connectionString: database.url, max: 3 })
      looker.on('error', () => undefined)
    }
    await opened.beforeEach?.()
    const [row] = await sql(LOOK)
    await opened.afterEach?.()
    hasHeaders = row?.headers === '1'
    server = { postgres: String(row?.postgres), pgmq: String(row?.pgmq) }
  })
  beforeEach(async ({ task }) => {
    if (server) task.meta.server = server
    await opened?.beforeEach?.()
  })
  afterEach(() => opened?.afterEach?.())
  afterAll(async () => {
    await client?.close()
    await opened?.close()
    await looker?.end()
  })

  return {
    get driver() {
      return current().driver
    },
    get client() {
      return client as PgmqClient<Connection>
    },
    clientWith: (options) => createClient(current().driver, options),
    async open() {
      const another = await spec.setup(database.url)
      onTestFinished(async () => void (await another.close()))
      return another
    },
    sql: async (text, params) => (await sql(text, params)) as never,
    async other() {
      const connection = new pg.Client({ connectionString: database.url })
      connection.on('error', () => undefined)
      await connection.connect()
      onTestFinished(() => connection.end().catch(() => undefined))
      return connection
    },
    transaction(work, isolation) {
      const { transaction } = current()
      if (!transaction) throw new Error('a driver without `transaction` has to say so in `missing`')
      return transaction(work, isolation)
    },
    async queue() {
      const name = `queue_${++count}`
      await (client as PgmqClient<Connection>).queues.create(name)
      return name
    },
    it(name, needs, test) {
      const lacking = needs.filter((need) => need !== 'headers').find((need) => lacks(need) !== undefined)
      if (lacking) {
        const skipped = `needs ${lacking}: ${lacks(lacking)}`
        return it.skip(`${name} [${skipped}]`, { meta: { skipped } }, test)
      }
      it(name, async (context) => {
        if (needs.includes('headers') && !hasHeaders) context.skip('messages have headers from pgmq 1.5')
        await test()
      })
    },
  }
}
