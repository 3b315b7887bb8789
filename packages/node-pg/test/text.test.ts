import type { SqlExecutor, SqlParam } from '@pgmq/core'
import { describeDatabase, rejectionOf, useTestDatabase } from '@pgmq/test-database'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDriver } from '../src/driver.js'
import { quietPool } from './support/quiet-pool.js'

/** As a user might who wants numbers, dates and BigInts; for every type there is, and no less hostile than that. */
const hostile = { getTypeParser: () => () => ({ parsed: 'by the user' }) }
for (const oid of Object.values(pg.types.builtins)) {
  pg.types.setTypeParser(oid, () => ({ parsed: 'globally' }) as never)
}

describeDatabase('text in, text out', () => {
  const database = useTestDatabase()
  const undo: (() => Promise<unknown>)[] = []
  const executors = new Map<string, SqlExecutor>()
  const executor = (kind: string): SqlExecutor => executors.get(kind) as SqlExecutor

  beforeAll(async () => {
    const pool = quietPool({ connectionString: database.url, types: hostile })
    const client = new pg.Client({ connectionString: database.url, types: hostile })
    await client.connect()
    const poolClient = await pool.connect()
    await poolClient.query('begin')
    const url = createDriver(database.url)
    executors.set('a URL', url.executor)
    executors.set('a Pool', createDriver(pool).executor)
    executors.set('a Client', createDriver(client).executor)
    executors.set('a PoolClient in a transaction', createDriver(poolClient).executor)
    const reserved = await createDriver(pool).reserve?.()
    if (reserved) executors.set('a reserved connection', reserved.executor)
    undo.push(
      () => url.close?.() as Promise<void>,
      () => client.end(),
      async () => poolClient.release(),
      async () => reserved?.release(),
      () => pool.end(),
    )
  })
  afterAll(async () => {
    for (const action of undo) await action()
  })

  const kinds = ['a URL', 'a Pool', 'a Client', 'a PoolClient in a transaction', 'a reserved connection']
  describe.each(kinds)('over %s', (kind) => {
    it('gives every column as the text that PostgreSQL writes, whatever type parsers there are', async () => {
      const rows = await executor(kind).query(
        `select 42 as int4, 9007199254740993 as int8, 1.50 as numeric, true as bool, null::int as missing, '' as empty,
           '{1,2,3}'::int[] as ints, '{"a": [1, "ü"]}'::jsonb as jsonb, '{"a":1}'::json as json, '\\x00ff'::bytea as bytea,
           timestamptz '2026-01-02 03:04:05.678901+00' at time zone 'UTC' as at, date '2026-01-02' as day,
           interval '1 day 2 hours' as span, '6f5f6d3e-0000-4000-8000-000000000000'::uuid as uuid, 'ü→😀'::text as text`,
        [],
      )

      expect(rows).toEqual([
        {
          int4: '42',
          int8: '9007199254740993',
          numeric: '1.50',
          bool: 't',
          missing: null,
          empty: '',
          ints: '{1,2,3}',
          jsonb: '{"a": [1, "ü"]}',
          json: '{"a":1}',
          bytea: '\\x00ff',
          at: '2026-01-02 03:04:05.678901',
          day: '2026-01-02',
          span: '1 day 02:00:00',
          uuid: '6f5f6d3e-0000-4000-8000-000000000000',
          text: 'ü→😀',
        },
      ])
    })

    it.each<[SqlParam]>([
      ['plain'],
      [''],
      [null],
      ['ü→😀 \\ \' " $1 %'],
      ['{1,2,3}'],
      ['9223372036854775807'],
      ['{"a": "b\\u0041"}'],
      ['line\nline\ttab'],
      ['NULL'],
    ])('gives back the parameter %j as it was', async (value) => {
      expect(await executor(kind).query('select $1::text as value', [value])).toEqual([{ value }])
    })

    it('sends numbers as text', async () => {
      const rows = await executor(kind).query(
        'select $1::text as whole, $2::text::float8::text as part, $3::text::int + 1 as sum',
        [42, 0.1, 41],
      )

      expect(rows).toEqual([{ whole: '42', part: '0.1', sum: '42' }])
    })

    it('makes of one parameter an array, and of one text a JSON document', async () => {
      const rows = await executor(kind).query(
        `select id::text, (select count(*) from jsonb_array_elements($2::text::jsonb))::text as length
         from unnest((select $1::text::bigint[])) id`,
        ['{9007199254740993,2}', '[{"a": 1}, null]'],
      )

      expect(rows).toEqual([
        { id: '9007199254740993', length: '2' },
        { id: '2', length: '2' },
      ])
    })

    it('gives no rows as an empty list', async () => {
      expect(await executor(kind).query('select 1 as one where $1::text is null', ['x'])).toEqual([])
    })

    it('prepares or not, with the same result', async () => {
      expect(await executor(kind).query('select $1::text as value', ['x'], { prepare: true })).toEqual([{ value: 'x' }])
    })

    it('rejects with the SQLSTATE of what the server refused', async () => {
      const savepoint = kind.includes('transaction')
      if (savepoint) await executor(kind).query('savepoint before', [])
      const refused = await rejectionOf(executor(kind).query('select $1::text::int', ['nothing of the sort']))
      if (savepoint) await executor(kind).query('rollback to savepoint before', [])

      expect(refused).toMatchObject({ code: '22P02', message: expect.stringContaining('nothing of the sort') })
      expect(await executor(kind).query('select 1 as one', [])).toEqual([{ one: '1' }])
    })
  })

  it('reads text columns of a client that is set to binary', async () => {
    const pool = quietPool({ connectionString: database.url, binary: true } as pg.PoolConfig)
    const { executor } = createDriver(pool)

    expect(await executor.query(`select $1::text as value`, ['ü→😀'])).toEqual([{ value: 'ü→😀' }])
    await pool.end()
  })

  it('tells a connection, on which there may be a transaction, from a pool', () => {
    expect(Object.fromEntries([...executors].map(([kind, { scope }]) => [kind, scope]))).toEqual({
      'a URL': 'pool',
      'a Pool': 'pool',
      'a Client': 'connection',
      'a PoolClient in a transaction': 'connection',
      'a reserved connection': 'pool',
    })
  })

  it('leaves a pool alone when a statement fails: its connection is used again', async () => {
    const pool = quietPool({ connectionString: database.url, max: 1 })
    const { executor } = createDriver(pool)
    const pid = async (): Promise<unknown> => (await executor.query('select pg_backend_pid() as pid', []))[0]?.pid
    const before = await pid()
    await rejectionOf(executor.query('select * from no_such_table', []))

    expect(await pid()).toBe(before)
    await pool.end()
  })
})
