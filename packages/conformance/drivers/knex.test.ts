import { fromKnex } from '@pgmq/core/query-builders'
import knexOf from 'knex'
import { describeDriver } from '../src/index.js'
import { inTransactions, MISSING_IN_A_TRANSACTION } from './support/query-builder.js'

describeDriver({
  name: 'a transaction of Knex',
  setup(url) {
    const knex = knexOf({ client: 'pg', connection: url, pool: { min: 0, max: 2 } })
    const begin = async () => {
      const transaction = await knex.transaction()
      return {
        executor: fromKnex(transaction),
        sql: async (text: string, params: readonly unknown[]) =>
          (await transaction.raw(text.replace(/\$\d+/g, '?'), [...params] as never[])).rows,
        rollback: () => transaction.rollback(),
      }
    }
    return inTransactions(begin, () => knex.destroy())
  },
  missing: MISSING_IN_A_TRANSACTION,
})
