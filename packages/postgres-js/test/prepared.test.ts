import type { SqlExecutor } from '@pgmq/core'
import { describeDatabase, useTestDatabase } from '@pgmq/test-database'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createDriver } from '../src/driver.js'
import { quietSql, type Settings, type Sql } from './support/quiet-sql.js'

describeDatabase('prepared statements', () => {
  const database = useTestDatabase()
  let pool: Sql

  const poolOfOne = (options: Settings = {}): Sql => quietSql(database.url, { max: 1, fetch_types: false, ...options })
  beforeEach(() => {
    pool = poolOfOne()
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
      await executor.query('select 1 as unnamed_as_well', [])
    }

    expect(await prepared(executor)).toEqual(['select $1::text as named'])
  })

  it('names none where the user said prepare: false, for a reserved connection neither', async () => {
    const sql = poolOfOne({ prepare: false })
    const driver = createDriver(sql)
    const reserved = await driver.reserve?.()
    for (const executor of [driver.executor, reserved?.executor as SqlExecutor]) {
      await executor.query('select $1::text as named', ['x'], { prepare: true })
      expect(await prepared(executor)).toEqual([])
    }
    await reserved?.release()
    await sql.end()
  })

  it('names a statement on a reserved connection, too', async () => {
    const reserved = await createDriver(pool).reserve?.()
    const executor = reserved?.executor as SqlExecutor
    for (let i = 0; i < 2; i++) await executor.query('select $1::text as named', ['x'], { prepare: true })

    expect(await prepared(executor)).toEqual(['select $1::text as named'])
    await reserved?.release()
  })

  it('stops naming after a hundred statements, whose plans every connection would keep', async () => {
    const { executor } = createDriver(pool)
    for (let i = 0; i < 120; i++) await executor.query(`select $1::text as "column ${i}"`, ['x'], { prepare: true })

    expect(await prepared(executor)).toHaveLength(100)
  })

  it('goes on when the server has forgotten a name', async () => {
    const { executor } = createDriver(pool)
    const ask = (): Promise<unknown> => executor.query('select $1::text as value', ['x'], { prepare: true })
    await ask()
    await executor.query('deallocate all', [])

    expect(await ask()).toEqual([{ value: 'x' }])
  })
})
