import postgres from 'postgres'
import type { PostgresConnection } from '../../../postgres-js/src/connection-types.js'
import { createDriver } from '../../../postgres-js/src/driver.js'
import type { Opened } from '../../src/index.js'

/** A driver over an `Sql` of postgres.js, and its own transactions. */
export function onSql(url: string, options: postgres.Options<Record<string, never>> = {}): Opened<PostgresConnection> {
  // Many connections that break at once make `postgres` wait up to 20 s before it connects again: as long as the suite does.
  const sql = postgres(url, { max: 20, backoff: () => 0.05, onnotice: () => undefined, ...options })
  const driver = createDriver(sql)
  return {
    driver,
    transaction: async (work, isolation = 'read committed') =>
      (await sql.begin(`isolation level ${isolation}`, (transaction) =>
        work({
          connection: transaction,
          sql: (text, params = []) => transaction.unsafe(text, params as never[]),
        }),
      )) as never,
    async close() {
      await driver.close?.()
      await sql.end({ timeout: 5 })
    },
  }
}
