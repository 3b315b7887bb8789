import pg from 'pg'

/**
 * A user's pool. With a listener, since `pool.end()` does not wait for its connections to close, and a test database that
 * is dropped meanwhile terminates them.
 */
export function quietPool(options: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool(options)
  pool.on('error', () => {})
  return pool
}
