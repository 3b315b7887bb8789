import pg from 'pg'
import { createDriver } from '../../node-pg/src/driver.js'
import { describeDriver } from '../src/index.js'

const transaction = 'it is in a transaction already'

describeDriver({
  name: 'pg Client inside a transaction',
  async setup(url) {
    const client = new pg.Client({ connectionString: url })
    client.on('error', () => undefined)
    await client.connect()
    return {
      driver: createDriver(client),
      sql: async (text, params = []) => (await client.query(text, [...params])).rows,
      beforeEach: () => client.query('begin'),
      afterEach: () => client.query('rollback'),
      close: () => client.end(),
    }
  },
  missing: {
    pool: 'it is one connection',
    server: 'nobody else sees what is not committed',
    reserve: 'it is one connection',
    notifier: 'it is one connection',
    reconnect: "the connection is its owner's",
    transaction,
  },
})
