import { createDriver } from '../../postgres-js/src/driver.js'
import { describeDriver } from '../src/index.js'
import { onSql } from './support/postgres-js.js'

describeDriver({
  name: 'postgres.js',
  setup: (url) => onSql(url),
  missing:
    'Bun' in globalThis
      ? { reconnect: 'the pool of postgres 3.4.9 may hang when all its connections break, in Bun above all' }
      : {},
})

describeDriver({
  name: 'postgres.js, a connection string',
  setup(url) {
    const driver = createDriver(url)
    return { driver, close: async () => driver.close?.() }
  },
  missing: { transaction: 'its connections are its own' },
})
