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

async function hasHeaders<C>({ sql }: Opened<C>, looker: pg.Pool | undefined): Promise<boolean> {
  const text = `select count(*) > 0 as has from pg_type t join pg_attribute a on a.attrelid = t.typrelid
    where t.oid = to_regtype('pgmq.message_record') and a.attname = 'headers'`
  const [row] = sql ? await sql(text) : ((await looker?.query<Row>(text))?.rows ?? [])
  return row?.has === true || row?.has === 't'
}

export function useSubject<Connection>(spec: DriverSpec<Connection>): Subject<Connection> {
  const database = useTestDatabase()
  let opened: Opened<Connection> | undefined
  let client: PgmqClient<Connection> | undefined
  let looker: pg.Pool | undefined
  let count = 0
  const lacks = (need: Capability): string | undefined => spec.missing?.[need]
  const current = (): Opened<Connection> => {
    if (!opened) throw new Error('the driver is open only while tests and their hooks run')
    return opened
  }
  beforeAll(async () => {
    opened = await spec.setup(database.url)
    client = createClient(opened.driver)
    if (!opened.sql) {
      looker = new pg.Pool({ connectionString: database.url, max: 3 })
      looker.on('error', () => undefined)
    }
  })
  beforeEach(() => opened?.beforeEach?.())
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
    async sql(text, params = []) {
      const { sql } = current()
      if (sql) return (await sql(text, params)) as never
      return (await (looker as pg.Pool).query(text, [...params])).rows as never
    },
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
      if (lacking) return it.skip(`${name} [needs ${lacking}: ${lacks(lacking)}]`, test)
      it(name, async (context) => {
        if (needs.includes('headers') && !(await hasHeaders(current(), looker)))
          context.skip('messages have headers from pgmq 1.5')
        await test()
      })
    },
  }
}
