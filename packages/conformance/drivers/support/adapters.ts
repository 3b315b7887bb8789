import type { Driver } from '@pgmq/core'
import pg from 'pg'
import postgres from 'postgres'
import { createDriver as overPg } from '../../../node-pg/src/driver.js'
import { createDriver as overPostgres } from '../../../postgres-js/src/driver.js'

export interface Adapter {
  readonly name: string
  readonly open: (url: string) => Driver<never>
  /** On a pool of which every connection is held until the end. */
  readonly openHeld: (url: string) => Promise<{ readonly driver: Driver<never>; end(): Promise<unknown> }>
}

export const adapters: readonly Adapter[] = [
  {
    name: 'pg',
    open: overPg,
    async openHeld(url) {
      const pool = new pg.Pool({ connectionString: url, max: 1 })
      const held = await pool.connect()
      const end = async (): Promise<void> => {
        held.release()
        await pool.end()
      }
      return { driver: overPg(pool), end }
    },
  },
  {
    name: 'postgres.js',
    open: overPostgres,
    async openHeld(url) {
      const sql = postgres(url, { max: 1 })
      const held = await sql.reserve()
      const end = async (): Promise<void> => {
        held.release()
        await sql.end()
      }
      return { driver: overPostgres(sql), end }
    },
  },
]
