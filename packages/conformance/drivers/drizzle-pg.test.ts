import { fromDrizzle } from '@pgmq/core/query-builders'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { describeDriver } from '../src/index.js'
import { bound } from './support/drizzle.js'
import { held, inTransactions, MISSING_IN_A_TRANSACTION } from './support/query-builder.js'

describeDriver({
  name: 'a transaction of Drizzle over pg',
  setup(url) {
    const pool = new pg.Pool({ connectionString: url })
    const db = drizzle(pool)
    const begin = async () => {
      const { transaction, rollback } = await held<Parameters<Parameters<typeof db.transaction>[0]>[0]>((work) =>
        db.transaction(work),
      )
      return {
        executor: fromDrizzle(transaction, sql),
        sql: async (text: string, params: readonly unknown[]) => (await transaction.execute(bound(text, params))).rows,
        rollback,
      }
    }
    return inTransactions(begin, () => pool.end())
  },
  missing: MISSING_IN_A_TRANSACTION,
})
