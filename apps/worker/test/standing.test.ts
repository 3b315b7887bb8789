import { describeDatabase, useTestDatabase } from '@pgmq/test-database'
import pg from 'pg'
import { expect, it, onTestFinished } from 'vitest'
import { begin } from '../src/database/imports.js'
import { prepareTables } from '../src/database/schema.js'
import { readStanding } from '../src/database/standing.js'

describeDatabase('how an import stands', () => {
  const database = useTestDatabase()

  it('tells leases of before a moment from those that a run has taken itself', async () => {
    const pool = new pg.Pool({ connectionString: database.url })
    onTestFinished(() => pool.end())
    await prepareTables(pool)
    await pool.query(`select pgmq.create('letters'), pgmq.create('letters_dlq')`)
    const file = { name: 'a.csv', digest: 'a', rows: () => Promise.reject(new Error('not read')) as never }
    const into = await begin(pool, file, 'letters')
    const lease = () => pool.query(`select from pgmq.read('letters', 60, 1)`)
    await pool.query(
      `select pgmq.send('letters', '{}', jsonb_build_object('x-import', $1::text)) from generate_series(1, 3)`,
      [into.id],
    )
    await lease()

    const before = await readStanding(pool, into, 'letters')
    await lease()

    expect(before.leased).toBe(1)
    expect((await readStanding(pool, into, 'letters', before.at)).leased).toBe(1)
    expect((await readStanding(pool, into, 'letters')).leased).toBe(2)
  })
})
