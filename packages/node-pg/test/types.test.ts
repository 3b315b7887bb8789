import type { PgmqClient as AnyClient, SqlExecutor } from '@pgmq/core'
import pg from 'pg'
import { expectTypeOf, it } from 'vitest'
import {
  createClient,
  defineTask,
  fromPg,
  type Handler,
  type PgConnection,
  type PgmqClient,
  type PgPool,
  unchecked,
} from '../src/index.js'

/** Compiled, never run. */
const compiled = (_body: () => unknown): void => {}

it('takes a connection string, a Pool, a PoolClient and a Client', () => {
  compiled(async () => {
    const pool = new pg.Pool()
    expectTypeOf(createClient('postgres://localhost/app')).toEqualTypeOf<PgmqClient>()
    createClient(pool, { queuePrefix: 'unison' })
    createClient(await pool.connect())
    createClient(new pg.Client())
    expectTypeOf(pool).toExtend<PgPool>()
    expectTypeOf(new pg.Client()).toExtend<PgConnection>()
    // @ts-expect-error a number is no connection
    createClient(5432)
    // @ts-expect-error the environment may lack it
    createClient(process.env.DATABASE_URL)
  })
})

it('takes a connection for a transaction, and no pool', () => {
  compiled(async () => {
    const pool = new pg.Pool()
    const client = createClient(pool)
    client.with(await pool.connect())
    client.with(new pg.Client())
    client.with(fromPg(new pg.Client()))
    // @ts-expect-error a pool is no transaction
    client.with(pool)
    // @ts-expect-error a pool is no transaction
    fromPg(pool)
    // @ts-expect-error another driver's
    client.with(((_strings: TemplateStringsArray) => Promise.resolve([])) as { unsafe?: () => unknown })
  })
})

it('is a client like any other', () => {
  const borrowed = (client: PgmqClient): AnyClient => client
  expectTypeOf(borrowed).returns.toEqualTypeOf<AnyClient>()
  expectTypeOf(fromPg).returns.toEqualTypeOf<SqlExecutor>()
})

it('gives a handler in a file of its own a completeWith that takes a connection of pg', () => {
  const greet = defineTask({ name: 'greet', queue: 'q', input: unchecked<{ name: string }>() })
  const handler: Handler<typeof greet> = async ({ name }, { completeWith }) => {
    expectTypeOf(name).toEqualTypeOf<string>()
    expectTypeOf(completeWith).parameter(0).toEqualTypeOf<PgConnection | SqlExecutor>()
  }
  void handler
})
