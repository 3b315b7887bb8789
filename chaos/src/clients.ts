import { type ClientOptions, createClient as overPg, type PgmqClientOf } from '@pgmq/node-pg'
import { createClient as overPostgresJs } from '@pgmq/postgres-js'
import pg from 'pg'
import postgres from 'postgres'
import type { Adapter } from './wire.js'

/** A client of either adapter. Handlers complete with a connection of `pg` by `fromPg`, which goes with both. */
export function clientOf(adapter: Adapter, url: string, options: ClientOptions = {}): PgmqClientOf {
  return adapter === 'node-pg' ? overPg(url, options) : overPostgresJs(url, options)
}

/** A pool of the program's own, and a client on it. */
export interface OnPool {
  readonly client: PgmqClientOf
  /** Takes a connection of the pool; resolves to what gives it back. */
  readonly take: () => Promise<() => void>
  readonly end: () => Promise<void>
}

export function clientOnPool(adapter: Adapter, url: string, max: number, options: ClientOptions): OnPool {
  if (adapter === 'node-pg') {
    const pool = new pg.Pool({ connectionString: url, max })
    pool.on('error', () => undefined)
    const take = async (): Promise<() => void> => {
      const connection = await pool.connect()
      return () => connection.release()
    }
    return { client: overPg(pool, options), take, end: () => pool.end() }
  }
  const sql = postgres(url, { max })
  const take = async (): Promise<() => void> => {
    const connection = await sql.reserve()
    return () => connection.release()
  }
  return { client: overPostgresJs(sql, options), take, end: () => sql.end() }
}
