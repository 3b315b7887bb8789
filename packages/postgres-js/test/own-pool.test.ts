import { describeDatabase, useTestDatabase } from '@pgmq/test-database'
import { expect, it } from 'vitest'
import { createDriver } from '../src/driver.js'

describeDatabase('the pool behind a connection string', () => {
  const database = useTestDatabase()

  it('statements at the same time have a connection each, also where one was idle', async () => {
    const driver = createDriver(database.url)
    await driver.executor.query('select 1', [])

    const asked = Array.from({ length: 5 }, () => driver.executor.query('select pg_backend_pid() as pid', []))
    const pids = (await Promise.all(asked)).map(([row]) => row?.pid)

    expect(new Set(pids).size).toBe(5)
    await driver.close?.()
  })
})
