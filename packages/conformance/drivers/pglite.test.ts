import { PGlite } from '@electric-sql/pglite'
import { pgmq } from '@electric-sql/pglite-pgmq'
import { describeDriver } from '../src/index.js'
import { createDriver } from './support/pglite.js'

describeDriver({
  name: 'PGlite',
  async setup() {
    const db = await PGlite.create({ extensions: { pgmq } })
    await db.exec('create extension pgmq')
    return {
      driver: createDriver(db),
      sql: async (text, params = []) => (await db.query<Record<string, unknown>>(text, [...params])).rows,
      transaction: (work, isolation = 'read committed') =>
        db.transaction(async (connection) => {
          await connection.query(`set transaction isolation level ${isolation}`)
          return await work({ connection, sql: (text, params = []) => connection.query(text, [...params]) })
        }),
      close: () => db.close(),
    }
  },
  missing: {
    types: 'the library parses columns by their types',
    server: 'it is inside this process, with one session',
    reserve: 'it has one session',
    limits: 'it cannot cancel a statement',
    reconnect: 'there is no connection to break',
  },
})
