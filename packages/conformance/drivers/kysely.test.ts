import { fromKysely } from '@pgmq/core/query-builders'
import { CompiledQuery, Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { describeDriver } from '../src/index.js'
import { inTransactions, MISSING_IN_A_TRANSACTION } from './support/query-builder.js'

describeDriver({
  name: 'a transaction of Kysely',
  setup(url) {
    const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: url }) }) })
    const begin = async () => {
      const transaction = await db.startTransaction().execute()
      return {
        executor: fromKysely(transaction),
        sql: async (text: string, params: readonly unknown[]) =>
          (await transaction.executeQuery<Record<string, unknown>>(CompiledQuery.raw(text, [...params]))).rows,
        rollback: () => transaction.rollback().execute(),
      }
    }
    return inTransactions(begin, () => db.destroy())
  },
  missing: MISSING_IN_A_TRANSACTION,
})
