import pg from 'pg'
import type { PgConnection } from '../../../node-pg/src/connection-types.js'
import { createDriver } from '../../../node-pg/src/driver.js'
import type { Opened } from '../../src/index.js'

/** A driver over a pool of `pg`, and transactions on its clients. */
export function onPool(options: pg.PoolConfig): Opened<PgConnection> {
  const pool = new pg.Pool({ max: 20, ...options })
  pool.on('error', () => undefined)
  const driver = createDriver(pool)
  return {
    driver,
    async transaction(work, isolation = 'read committed') {
      const connection = await pool.connect()
      try {
        await connection.query(`begin isolation level ${isolation}`)
        const result = await work({ connection, sql: (text, params = []) => connection.query(text, [...params]) })
        await connection.query('commit')
        return result
      } catch (error) {
        await connection.query('rollback')
        throw error
      } finally {
        connection.release()
      }
    },
    async close() {
      await driver.close?.()
      await pool.end()
    },
  }
}
