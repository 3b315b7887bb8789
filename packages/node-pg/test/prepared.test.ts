import type { SqlExecutor } from '@pgmq/core'
import { describeDatabase, useTestDatabase } from '@pgmq/test-database'
import type pg from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createDriver } from '../src/driver.js'
import { statementNames } from '../src/statement-names.js'
import { quietPool } from './support/quiet-pool.js'

describeDatabase('prepared statements', () => {
  const database = useTestDatabase()
  let pool: pg.Pool

  beforeEach(() => {
    pool = quietPool({ connectionString: database.url, max: 1 })
  })
  afterEach(() => pool.end())

  async function prepared(executor: SqlExecutor): Promise<readonly unknown[]> {
    const rows = await executor.query(`select statement from pg_prepared_statements where name <> '' order by 1`, [])
    return rows.map(({ statement }) => statement)
  }

  it('names a statement where it is asked to, and no other', async () => {
    const { executor } = createDriver(pool)
    for (let i = 0; i < 3; i++) {
      await executor.query('select $1::text as named', ['x'], { prepare: true })
      await executor.query('select $1::text as unnamed', ['x'])
      await executor.query('select $1::text as unnamed_too', ['x'], { prepare: false })
    }

    expect(await prepared(executor)).toEqual(['select $1::text as named'])
  })

  it('two drivers on one pool agree on the names', async () => {
    for (const { executor } of [createDriver(pool), createDriver(pool)]) {
      expect(await executor.query('select $1::text as value', ['x'], { prepare: true })).toEqual([{ value: 'x' }])
    }

    expect(await prepared(createDriver(pool).executor)).toHaveLength(1)
  })

  it('stops naming after a hundred statements, whose plans every connection would keep', async () => {
    const { executor } = createDriver(pool)
    for (let i = 0; i < 120; i++) await executor.query(`select $1::text as "column ${i}"`, ['x'], { prepare: true })

    expect(await prepared(executor)).toHaveLength(100)
  })
})

it('gives each text a name of its own, always the same, and short enough for PostgreSQL', () => {
  const texts = Array.from({ length: 100 }, (_, i) => `insert into pgmq."q_${i}" select ${'x'.repeat(2_000)}`)
  const nameOf = statementNames()
  const names = texts.map((text) => nameOf(text) as string)

  expect(new Set(names).size).toBe(100)
  expect(names.every((name) => /^pgmq_[0-9_]+$/.test(name) && name.length < 63)).toBe(true)
  expect(texts.map(nameOf)).toEqual(names)
  expect(texts.map(statementNames())).toEqual(names)
})
