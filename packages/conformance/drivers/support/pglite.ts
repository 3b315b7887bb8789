import type { PGlite, Transaction } from '@electric-sql/pglite'
import { createClient, type Driver, type PgmqClient, type SqlExecutor } from '@pgmq/core'

/** A client over PGlite: PostgreSQL inside this process. Its worker needs another driver, since PGlite has one session. */
export function createPgliteClient(db: PGlite): PgmqClient<Transaction> {
  return createClient(createDriver(db))
}

export function createDriver(db: PGlite): Driver<Transaction> {
  return {
    executor: executorOf(db, 'pool'),
    executorFor(connection) {
      if (typeof connection?.rollback !== 'function') throw new TypeError('pass the transaction of db.transaction()')
      return executorOf(connection, 'connection')
    },
    notifier: {
      async listen(channel, onNotify, onState) {
        const unlisten = await db.listen(`"${channel.replaceAll('"', '""')}"`, onNotify)
        onState(true)
        return () => unlisten()
      },
    },
  }
}

function executorOf(target: Pick<Transaction, 'query'>, scope: SqlExecutor['scope']): SqlExecutor {
  return {
    scope,
    async query(text, params) {
      const values = params.map((param) => (param === null ? null : String(param)))
      // PGlite's errors have the SQLSTATE as `code`, which is what the port asks for.
      return (await target.query<Record<string, string | null>>(text, values)).rows
    },
  }
}
