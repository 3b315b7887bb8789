import type { SqlExecutor } from '../driver.js'
import { createExecutor } from './executor.js'
import { splitAtPlaceholders } from './placeholders.js'

/** A transaction of Drizzle on PostgreSQL, by shape. */
interface DrizzleTransaction<in Query> {
  execute(query: Query): PromiseLike<unknown>
  rollback(): never
}

/**
 * An executor on a transaction of Drizzle, over `pg` or `postgres`.
 *
 * @param sql - drizzle-orm's own tag, which is how it takes text and parameters
 * @throws a TypeError for a database that is no transaction
 * @example
 * await db.transaction(async (tx) => {
 *   await tx.insert(users).values(user)
 *   await client.with(fromDrizzle(tx, sql)).enqueue(sendWelcomeEmail, { email: user.email })
 * })
 */
export function fromDrizzle<Query>(
  tx: DrizzleTransaction<Query>,
  sql: (strings: TemplateStringsArray, ...params: unknown[]) => Query,
): SqlExecutor {
  if (typeof (tx as Partial<DrizzleTransaction<Query>> | undefined)?.rollback !== 'function')
    throw new TypeError(
      'fromDrizzle takes the tx of db.transaction(async (tx) => …): on anything else each statement may run on another connection',
    )
  if (typeof sql !== 'function')
    throw new TypeError("fromDrizzle takes drizzle-orm's tag too: import { sql } from 'drizzle-orm'")
  return createExecutor(async (text, params) => {
    const { strings, values } = splitAtPlaceholders(text, params)
    return await tx.execute(sql(Object.assign([...strings], { raw: strings }), ...values))
  })
}
