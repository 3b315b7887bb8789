import type { PgmqClient as AnyClient, SqlExecutor } from '@pgmq/core'
import postgres from 'postgres'
import { expectTypeOf, it } from 'vitest'
import {
  createClient,
  defineTask,
  fromPostgres,
  type Handler,
  type PgmqClient,
  type PostgresConnection,
  type PostgresPool,
  unchecked,
} from '../src/index.js'

/** Compiled, never run. */
const compiled = (_body: () => unknown): void => {}

/** What `pg` calls a PoolClient, by shape. */
interface PgPoolClient {
  query(config: { text: string; values?: unknown[] }): Promise<{ rows: unknown[] }>
  release(destroy?: boolean): void
}

it('takes a connection string, an Sql, a TransactionSql and a ReservedSql', () => {
  compiled(async () => {
    const sql = postgres()
    expectTypeOf(createClient('postgres://localhost/app')).toEqualTypeOf<PgmqClient>()
    createClient(sql, { queuePrefix: 'unison' })
    createClient(postgres({ types: { bigint: postgres.BigInt } }))
    createClient(await sql.reserve())
    await sql.begin((tx) => createClient(tx).enqueue('q', { task: 't' }))
    expectTypeOf(sql).toExtend<PostgresPool>()
    expectTypeOf<postgres.TransactionSql>().toExtend<PostgresConnection>()
    expectTypeOf<postgres.ReservedSql>().toExtend<PostgresConnection>()
    // @ts-expect-error a number is no connection
    createClient(5432)
    // @ts-expect-error the environment may lack it
    createClient(process.env.DATABASE_URL)
  })
})

it('takes a connection for a transaction, and no pool', () => {
  compiled(async () => {
    const sql = postgres({ types: { bigint: postgres.BigInt } })
    const client = createClient(sql)
    client.with(await sql.reserve())
    await sql.begin(async (tx) => {
      client.with(tx)
      client.with(fromPostgres(tx))
      await tx.savepoint(async (inner) => client.with(inner).enqueue('q', { task: 't' }))
    })
    // @ts-expect-error a pool is no transaction
    client.with(sql)
    // @ts-expect-error a pool is no transaction
    fromPostgres(sql)
    // @ts-expect-error another driver's
    client.with({} as PgPoolClient)
  })
})

it('is a client like any other', () => {
  const borrowed = (client: PgmqClient): AnyClient => client
  expectTypeOf(borrowed).returns.toEqualTypeOf<AnyClient>()
  expectTypeOf(fromPostgres).returns.toEqualTypeOf<SqlExecutor>()
})

it('gives a handler in a file of its own a completeWith that takes a connection of postgres', () => {
  const greet = defineTask({ name: 'greet', queue: 'q', input: unchecked<{ name: string }>() })
  const handler: Handler<typeof greet> = async ({ name }, { completeWith }) => {
    expectTypeOf(name).toEqualTypeOf<string>()
    expectTypeOf(completeWith).parameter(0).toEqualTypeOf<PostgresConnection | SqlExecutor>()
  }
  void handler
})
