import { fromDrizzle, fromKnex, fromKysely, fromPrisma } from '@pgmq/core/query-builders'
import type { SqlExecutor } from '@pgmq/node-pg'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { drizzle as drizzlePostgres } from 'drizzle-orm/postgres-js'
import knexOf from 'knex'
import { CamelCasePlugin, Kysely, ParseJSONResultsPlugin, PostgresDialect } from 'kysely'
import pg from 'pg'
import postgres from 'postgres'

/** A query builder on a database, as its user has set it up. */
export interface Builder {
  /** Commits unless `work` throws. `query` is the builder's own way to run SQL in the transaction. */
  transaction<T>(work: (executor: SqlExecutor, query: (text: string) => Promise<unknown>) => Promise<T>): Promise<T>
  /** A transaction inside one: `inner` is rolled back to its savepoint, `outer` commits. */
  nested?(
    outer: (executor: SqlExecutor) => Promise<unknown>,
    inner: (executor: SqlExecutor) => Promise<unknown>,
  ): Promise<void>
  /** The executor of a pool, which is refused. */
  onPool(): SqlExecutor
  close(): Promise<unknown>
}

/** `hostile`: with every setting that changes names and values of other people's rows. */
export type Open = (url: string, hostile?: boolean) => Builder

type Json = Record<string, unknown>

const camel = (key: string): string => key.replace(/_(\w)/g, (_match, letter: string) => letter.toUpperCase())
const camelRow = (row: Json): Json => Object.fromEntries(Object.entries(row).map(([key, value]) => [camel(key), value]))

export const builders: Readonly<Record<string, Open>> = {
  Kysely(url, hostile) {
    const pool = poolOf(url)
    const plugins = hostile ? [new CamelCasePlugin(), new ParseJSONResultsPlugin()] : []
    const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }), plugins })
    return {
      transaction: (work) =>
        db.transaction().execute((trx) => work(fromKysely(trx), (text) => trx.executeQuery(rawOf(text)))),
      async nested(outer, inner) {
        const trx = await db.startTransaction().execute()
        const savepoint = await trx.savepoint('s').execute()
        await inner(fromKysely(savepoint))
        await savepoint.rollbackToSavepoint('s').execute()
        await outer(fromKysely(trx))
        await trx.commit().execute()
      },
      // @ts-expect-error each statement would run on another connection
      onPool: () => fromKysely(db),
      close: () => db.destroy(),
    }
  },

  Knex(url, hostile) {
    const settings = hostile
      ? {
          wrapIdentifier: (value: string, own: (value: string) => string) => own(value.toUpperCase()),
          postProcessResponse: (result: { rows?: Json[] }) => ({ rows: (result.rows ?? []).map(camelRow) }),
          asyncStackTraces: true,
        }
      : {}
    const knex = knexOf({ client: 'pg', connection: url, pool: { min: 0, max: 4 }, ...settings })
    return {
      transaction: (work) => knex.transaction((trx) => work(fromKnex(trx), async (text) => await trx.raw(text))),
      nested: (outer, inner) =>
        knex.transaction(async (trx) => {
          await trx.transaction((nested) => inner(fromKnex(nested)).then(undone)).catch(ignored)
          await outer(fromKnex(trx))
        }),
      // @ts-expect-error each statement would run on another connection
      onPool: () => fromKnex(knex),
      close: () => knex.destroy(),
    }
  },

  'Drizzle over pg'(url, hostile) {
    const pool = poolOf(url)
    const db = drizzle(pool, hostile ? { casing: 'camelCase' } : {})
    return {
      transaction: (work) => db.transaction((tx) => work(fromDrizzle(tx, sql), (text) => tx.execute(sql.raw(text)))),
      nested: (outer, inner) =>
        db.transaction(async (tx) => {
          await tx.transaction((nested) => inner(fromDrizzle(nested, sql)).then(undone)).catch(ignored)
          await outer(fromDrizzle(tx, sql))
        }),
      // @ts-expect-error each statement would run on another connection
      onPool: () => fromDrizzle(db, sql),
      close: () => pool.end(),
    }
  },

  'Drizzle over postgres'(url, hostile) {
    const client = postgres(url, {
      max: 4,
      onnotice: () => undefined,
      ...(hostile && {
        transform: { ...postgres.camel, undefined: null, value: { from: (value: unknown) => value ?? undefined } },
        types: { json: { to: 114, from: [114, 3802], serialize: JSON.stringify, parse: JSON.parse } },
      }),
    })
    const db = drizzlePostgres(client, hostile ? { casing: 'camelCase' } : {})
    return {
      transaction: (work) => db.transaction((tx) => work(fromDrizzle(tx, sql), (text) => tx.execute(sql.raw(text)))),
      nested: (outer, inner) =>
        db.transaction(async (tx) => {
          await tx.transaction((nested) => inner(fromDrizzle(nested, sql)).then(undone)).catch(ignored)
          await outer(fromDrizzle(tx, sql))
        }),
      // @ts-expect-error each statement would run on another connection
      onPool: () => fromDrizzle(db, sql),
      close: () => client.end(),
    }
  },

  'the shape of Prisma'(url) {
    const prisma = new PrismaStandIn({ url })
    return {
      transaction: (work) =>
        prisma.$transaction((tx) => work(fromPrisma(tx), async (text) => await tx.$queryRawUnsafe(text))),
      // @ts-expect-error each statement would run on another connection
      onPool: () => fromPrisma(prisma),
      close: () => prisma.$disconnect(),
    }
  },
}

const undone = (): never => {
  throw new Error('rolled back')
}
const ignored = (): void => undefined

function poolOf(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url })
  pool.on('error', () => undefined)
  pool.on('connect', (connection) => void connection.on('error', () => undefined))
  return pool
}

function rawOf(text: string): never {
  const node = { kind: 'RawNode', sqlFragments: [text], parameters: [] }
  return { sql: text, parameters: [], query: node, queryId: { queryId: text } } as never
}

/**
 * Behaves as Prisma 7.10 with `@prisma/adapter-pg` was seen to, as far as `fromPrisma` goes: lazy promises, no
 * `$connect` on the client of a transaction (but a `$transaction`), its two errors. Prisma itself (306 MB, and `generate`
 * fetches an engine) is no dependency of these tests.
 */
export class PrismaStandIn {
  readonly #pool: pg.Pool

  constructor({ url }: { readonly url: string }) {
    this.#pool = poolOf(url)
  }

  async $connect(): Promise<void> {}

  async $disconnect(): Promise<void> {
    await this.#pool.end()
  }

  $queryRawUnsafe(text: string, ...values: unknown[]): PromiseLike<unknown> {
    return lazily(() => run(this.#pool, text, values))
  }

  async $transaction<T>(work: (tx: PrismaTransaction) => Promise<T>): Promise<T> {
    const connection = await this.#pool.connect()
    let ended = false
    const tx: PrismaTransaction = {
      $transaction: () => Promise.reject(new Error('not here')),
      $queryRawUnsafe: (text, ...values) =>
        lazily(() =>
          ended
            ? Promise.reject(
                knownError(
                  'P2028',
                  {},
                  'Transaction API error: Transaction already closed: A query cannot be executed on a committed transaction.',
                ),
              )
            : run(connection, text, values),
        ),
    }
    try {
      await connection.query('begin')
      const result = await work(tx)
      await connection.query('commit')
      return result
    } catch (error) {
      await connection.query('rollback').catch(() => undefined)
      throw error
    } finally {
      ended = true
      connection.release()
    }
  }
}

export interface PrismaTransaction {
  $transaction(): Promise<unknown>
  $queryRawUnsafe(text: string, ...values: unknown[]): PromiseLike<unknown>
}

/** Nothing is sent until somebody waits. */
function lazily<T>(start: () => Promise<T>): PromiseLike<T> {
  // biome-ignore lint/suspicious/noThenProperty: that is what a PrismaPromise is
  return { then: (fulfilled, rejected) => start().then(fulfilled, rejected) }
}

async function run(connection: pg.Pool | pg.PoolClient, text: string, values: unknown[]): Promise<unknown> {
  try {
    return (await connection.query(text, values)).rows
  } catch (error) {
    const { severity, code, message } = error as pg.DatabaseError
    if (severity === undefined) throw error
    const cause = { originalCode: code, originalMessage: message, kind: 'postgres', code, severity, message }
    const driverAdapterError = { name: 'DriverAdapterError', cause, message }
    throw knownError('P2010', { driverAdapterError }, `Raw query failed. Code: \`${code}\`. Message: \`${message}\``)
  }
}

function knownError(code: string, meta: object, text: string): Error {
  const error = new Error(`\nInvalid \`prisma.$queryRawUnsafe()\` invocation:\n\n\n${text}`)
  return Object.assign(error, { name: 'PrismaClientKnownRequestError', code, meta, clientVersion: '7.10.1' })
}
