import type { Driver, SqlExecutor } from '@pgmq/core'
import pg from 'pg'
import postgres from 'postgres'
import { fromPg, createDriver as overPg } from '../../../node-pg/src/driver.js'
import { fromPostgres, createDriver as overPostgres } from '../../../postgres-js/src/driver.js'

export interface Adapter {
  readonly name: string
  readonly open: (url: string) => Driver<never>
  /** On a pool of the caller's, so many connections wide. */
  readonly openPool: (url: string, max: number) => OnPool
  /** On a pool of which every connection is held until the end. */
  readonly openHeld: (url: string) => Promise<OnPool>
  /** A connection of the caller's. */
  readonly connect: (url: string) => Promise<{ readonly executor: SqlExecutor; end(): Promise<unknown> }>
}

interface OnPool {
  readonly driver: Driver<never>
  end(): Promise<unknown>
}

export const adapters: readonly Adapter[] = [
  {
    name: 'pg',
    open: overPg,
    openPool(url, max) {
      const pool = new pg.Pool({ connectionString: url, max })
      pool.on('error', () => undefined)
      return { driver: overPg(pool), end: () => pool.end() }
    },
    async openHeld(url) {
      const pool = new pg.Pool({ connectionString: url, max: 1 })
      const held = await pool.connect()
      const end = async (): Promise<void> => {
        held.release()
        await pool.end()
      }
      return { driver: overPg(pool), end }
    },
    async connect(url) {
      const connection = new pg.Client(url)
      await connection.connect()
      return { executor: fromPg(connection), end: () => connection.end() }
    },
  },
  {
    name: 'postgres.js',
    open: overPostgres,
    openPool(url, max) {
      const sql = postgres(url, { max, connect_timeout: 1 })
      return { driver: overPostgres(sql), end: () => sql.end({ timeout: 1 }) }
    },
    async openHeld(url) {
      const sql = postgres(url, { max: 1 })
      const held = await sql.reserve()
      const end = async (): Promise<void> => {
        held.release()
        await sql.end()
      }
      return { driver: overPostgres(sql), end }
    },
    async connect(url) {
      const sql = postgres(url, { max: 1 })
      const connection = await sql.reserve()
      const end = async (): Promise<void> => {
        connection.release()
        await sql.end()
      }
      return { executor: fromPostgres(connection), end }
    },
  },
]
