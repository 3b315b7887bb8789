import type { SqlExecutor } from '../driver.js'
import { createExecutor } from './executor.js'

/** A `Transaction` or `ControlledTransaction` of Kysely, by shape. */
interface KyselyTransaction {
  readonly isTransaction: true
  withoutPlugins(): Pick<KyselyTransaction, 'executeQuery'>
  executeQuery(query: {
    readonly sql: string
    readonly parameters: readonly unknown[]
    readonly query: never
    readonly queryId: never
  }): Promise<{ readonly rows: unknown[] }>
}

/**
 * An executor on a transaction of Kysely. Its plugins are left out: they would rename columns and parse bodies.
 *
 * @throws a TypeError for a `Kysely` that is no transaction
 * @example
 * await db.transaction().execute(async (trx) => {
 *   await trx.insertInto('users').values(user).execute()
 *   await client.with(fromKysely(trx)).enqueue(sendWelcomeEmail, { email: user.email })
 * })
 */
export function fromKysely(trx: KyselyTransaction): SqlExecutor {
  if ((trx as Partial<KyselyTransaction> | undefined)?.isTransaction !== true)
    throw new TypeError(
      'fromKysely takes the trx of db.transaction().execute(async (trx) => …), or of db.startTransaction(): on anything else each statement may run on another connection',
    )
  const plain = trx.withoutPlugins()
  return createExecutor((text, parameters) =>
    plain.executeQuery({
      sql: text,
      parameters,
      // What `CompiledQuery.raw` makes, which is not ours to import.
      query: { kind: 'RawNode', sqlFragments: [text], parameters: [] } as never,
      queryId: { queryId: 'pgmq' } as never,
    }),
  )
}
