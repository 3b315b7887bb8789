import { fromDrizzle } from '@pgmq/core/query-builders'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import { describeDriver } from '../src/index.js'
import { bound } from './support/drizzle.js'
import { held, inTransactions, MISSING_IN_A_TRANSACTION } from './support/query-builder.js'

describeDriver({
  name: 'a transaction of Drizzle over postgres.js',
  setup(url) {
    const client = postgres(url, { max: 2, onnotice: () => undefined })
    const db = drizzle(client)
    const begin = async () => {
      const { transaction, rollback } = await held<Parameters<Parameters<typeof db.transaction>[0]>[0]>((work) =>
        db.transaction(work),
      )
      return {
        executor: fromDrizzle(transaction, sql),
        sql: async (text: string, params: readonly unknown[]) => [...(await transaction.execute(bound(text, params)))],
        rollback,
      }
    }
    return inTransactions(begin, () => client.end())
  },
  missing: MISSING_IN_A_TRANSACTION,
})
