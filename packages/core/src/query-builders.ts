/**
 * Executors on the transaction of a query builder: `client.with(fromKysely(trx)).enqueue(…)` commits, or rolls back, with
 * it. None of the libraries is imported; each is known by its shape.
 *
 * @module
 */

export { fromDrizzle } from './query-builders/drizzle.js'
export { fromKnex } from './query-builders/knex.js'
export { fromKysely } from './query-builders/kysely.js'
export { fromPrisma } from './query-builders/prisma.js'
