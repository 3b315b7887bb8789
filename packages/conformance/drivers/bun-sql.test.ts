import type { TransactionSQL } from 'bun'
import { describe, it } from 'vitest'
import { describeDriver } from '../src/index.js'

if ('Bun' in globalThis) {
  const { SQL } = await import('bun')
  const { createDriver } = await import('./support/bun-sql.js')

  describeDriver<TransactionSQL>({
    name: "Bun's SQL",
    setup(url) {
      const sql = new SQL({ url, max: 20, prepare: false })
      const driver = createDriver(sql)
      return {
        driver,
        transaction: (work, isolation = 'read committed') =>
          sql.begin(`isolation level ${isolation}`, (connection) => work({ connection, sql: connection.unsafe })),
        async close() {
          await driver.close?.()
          await sql.close({ timeout: 5 })
        },
      }
    },
  })
} else {
  const skipped = 'it is there in Bun alone: pnpm test:runtimes'
  describe("Bun's SQL", () => it.skip('is not tested', { meta: { skipped } }, () => undefined))
}
