import pg from 'pg'
import type { SqlExecutor } from '../../../core/src/driver.js'

/** A statement that waits for a lock here waits for ever: nothing else goes on meanwhile. */
const SETTINGS = '-c lock_timeout=5000'

export async function open(url: string): Promise<pg.Client> {
  const connection = new pg.Client({ connectionString: url, options: SETTINGS })
  await connection.connect()
  return connection
}

/** `connection`: in a transaction. Every column of the library's own statements is a text. */
export function executorOf(connection: pg.Client, scope: SqlExecutor['scope']): SqlExecutor {
  return {
    scope,
    query: async (text, params) => (await connection.query(text, [...params])).rows,
  }
}
