import type { SqlExecutor } from '@pgmq/core'
import type { Capability, Opened } from '../../src/index.js'

/** A transaction of a query builder, which the tests are inside of. */
export interface OpenTransaction {
  readonly executor: SqlExecutor
  sql(text: string, params: readonly unknown[]): Promise<readonly Record<string, unknown>[]>
  rollback(): Promise<unknown>
}

export const MISSING_IN_A_TRANSACTION: Readonly<Partial<Record<Capability, string>>> = {
  types: 'the library parses columns by their types',
  pool: 'it is one connection',
  server: 'nobody else sees what is not committed',
  reserve: 'it is one connection',
  notifier: 'it is one connection',
  reconnect: "the connection is its owner's",
  transaction: 'it is in a transaction already',
  limits: 'the library cannot cancel a statement, so its executor is of no further use',
}

/** A driver over one transaction after the other: each test has its own, which is rolled back. */
export function inTransactions(begin: () => Promise<OpenTransaction>, close: () => Promise<unknown>): Opened<never> {
  let current: OpenTransaction | undefined
  const transaction = (): OpenTransaction => {
    if (!current) throw new Error('a transaction is open only while a test runs')
    return current
  }
  return {
    driver: {
      executor: { scope: 'connection', query: (...args) => transaction().executor.query(...args) },
    },
    sql: (text, params = []) => transaction().sql(text, params),
    beforeEach: async () => {
      current = await begin()
    },
    afterEach: () => transaction().rollback(),
    close,
  }
}

/** Opens what a library only has as a callback; ends when it is rolled back. */
export function held<T>(
  begin: (work: (transaction: T) => Promise<never>) => Promise<unknown>,
): Promise<{ readonly transaction: T; rollback(): Promise<unknown> }> {
  return new Promise((resolve, reject) => {
    let undo = (): void => {}
    const undone = new Promise<never>((_resolve, rejectWork) => {
      undo = () => rejectWork(new Error('rolled back'))
    })
    const ended = begin((transaction) => {
      resolve({
        transaction,
        rollback() {
          undo()
          return ended.catch(() => undefined)
        },
      })
      return undone
    })
    ended.catch(reject)
  })
}
