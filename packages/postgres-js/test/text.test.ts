import type { SqlExecutor, SqlParam } from '@pgmq/core'
import { describeDatabase, rejectionOf, useTestDatabase } from '@pgmq/test-database'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDriver } from '../src/driver.js'
import { quietSql, type Settings } from './support/quiet-sql.js'
import { begin } from './support/transaction.js'

/** Every type that the tests ask for, and some more. */
const OIDS = [16, 17, 20, 21, 23, 25, 114, 700, 701, 1007, 1043, 1082, 1114, 1184, 1186, 1700, 2950, 3802]

/** As a user might who wants numbers, dates and BigInts; for every type there is, and no less hostile than that. */
const hostile: Settings = {
  types: {
    any: { to: 25, from: OIDS, parse: () => ({ parsed: 'by the user' }), serialize: () => 'serialized by the user' },
  },
  transform: {
    undefined: 'undefined',
    column: { from: (name) => `"${name}"!`, to: (name) => `to_${name}` },
    value: { from: () => ({ transformed: 'by the user' }) },
    row: { from: () => ({ replaced: 'by the user' }) },
  },
  debug: () => {},
}

describeDatabase('text in, text out', () => {
  const database = useTestDatabase()
  const undo: (() => Promise<unknown>)[] = []
  const executors = new Map<string, SqlExecutor>()
  const executor = (kind: string): SqlExecutor => executors.get(kind) as SqlExecutor

  beforeAll(async () => {
    const pool = quietSql(database.url, hostile)
    const camel = quietSql(database.url, { transform: postgres.camel, fetch_types: false, prepare: false })
    const { tx, end } = await begin(pool)
    const inPascal = quietSql(database.url, { transform: postgres.pascal })
    const reservedSql = await inPascal.reserve()
    const url = createDriver(database.url)
    const reserved = await createDriver(pool).reserve?.()
    executors.set('a URL', url.executor)
    executors.set('an Sql', createDriver(pool).executor)
    executors.set('an Sql in camel case', createDriver(camel).executor)
    executors.set('a TransactionSql', createDriver(tx).executor)
    executors.set('a ReservedSql in Pascal case', createDriver(reservedSql).executor)
    if (reserved) executors.set('a reserved connection', reserved.executor)
    undo.push(
      () => url.close?.() as Promise<void>,
      async () => reserved?.release(),
      async () => reservedSql.release(),
      end,
      () => pool.end(),
      () => camel.end(),
      () => inPascal.end(),
    )
  })
  afterAll(async () => {
    for (const action of undo) await action()
  })

  const kinds = [
    'a URL',
    'an Sql',
    'an Sql in camel case',
    'a TransactionSql',
    'a ReservedSql in Pascal case',
    'a reserved connection',
  ]
  describe.each(kinds)('over %s', (kind) => {
    it('gives every column as the text that PostgreSQL writes, whatever types and transforms there are', async () => {
      const rows = await executor(kind).query(
        `select 42 as int4, 9007199254740993 as int8, 1.50 as numeric, true as bool, null::int as missing, '' as empty,
           '{1,2,3}'::int[] as ints, '{"a_b": [1, "ü"]}'::jsonb as jsonb, '{"a":1}'::json as json, '\\x00ff'::bytea as bytea,
           timestamptz '2026-01-02 03:04:05.678901+00' at time zone 'UTC' as at_utc, date '2026-01-02' as day,
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
          jsonb: '{"a_b": [1, "ü"]}',
          json: '{"a":1}',
          bytea: '\\x00ff',
          at_utc: '2026-01-02 03:04:05.678901',
          day: '2026-01-02',
          span: '1 day 02:00:00',
          uuid: '6f5f6d3e-0000-4000-8000-000000000000',
          text: 'ü→😀',
        },
      ])
    })

    it('leaves the names of columns as they were asked for, and tells nulls in any place', async () => {
      const rows = await executor(kind).query(
        `select null as read_count, n as "Übermaß ""x""", case n when 2 then null else 'yes' end as "camelCase", null as z_z
         from generate_series(1, 3) n`,
        [],
      )

      expect(rows).toEqual(
        ['yes', null, 'yes'].map((camelCase, i) => ({
          read_count: null,
          'Übermaß "x"': String(i + 1),
          camelCase,
          z_z: null,
        })),
      )
      expect(await executor(kind).query('select null as a_b', [])).toEqual([{ a_b: null }])
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

    it('interprets no parameter, whatever its type is', async () => {
      const rows = await executor(kind).query(
        'select $1::jsonb as j, $2::timestamptz = $2::text::timestamptz as t, $3::bigint as n, $4::int[] as a, $5::bool as b',
        ['{"a": 1}', '2026-01-02 03:04:05.678901+00', '9007199254740993', '{1,2}', 't'].map((text) => text),
      )

      expect(rows).toEqual([{ j: '{"a": 1}', t: 't', n: '9007199254740993', a: '{1,2}', b: 't' }])
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
      expect(await executor(kind).query(`set local application_name to 'x'`, [])).toEqual([])
    })

    it('prepares or not, with the same result', async () => {
      for (let i = 0; i < 3; i++) {
        const rows = await executor(kind).query('select $1::text as value, $2::jsonb as j', ['x', '"y"'], {
          prepare: true,
        })
        expect(rows).toEqual([{ value: 'x', j: '"y"' }])
      }
    })

    it('gives many rows, each with its own values, at once too', async () => {
      const ask = (): Promise<unknown> => executor(kind).query('select n from generate_series(1, 5000) n', [])
      const wanted = Array.from({ length: 5000 }, (_, i) => ({ n: String(i + 1) }))

      for (const rows of await Promise.all([ask(), ask(), ask()])) expect(rows).toEqual(wanted)
    })

    it('rejects with the SQLSTATE of what the server refused', async () => {
      const savepoint = kind === 'a TransactionSql'
      if (savepoint) await executor(kind).query('savepoint before', [])
      const refused = await rejectionOf(executor(kind).query('select $1::text::int', ['nothing of the sort']))
      if (savepoint) await executor(kind).query('rollback to savepoint before', [])

      expect(refused).toMatchObject({ code: '22P02', message: expect.stringContaining('nothing of the sort') })
      expect(await executor(kind).query('select 1 as one', [])).toEqual([{ one: '1' }])
    })
  })

  it('tells a connection, on which there may be a transaction, from a pool', () => {
    expect(Object.fromEntries([...executors].map(([kind, { scope }]) => [kind, scope]))).toEqual({
      'a URL': 'pool',
      'an Sql': 'pool',
      'an Sql in camel case': 'pool',
      'a TransactionSql': 'connection',
      'a ReservedSql in Pascal case': 'connection',
      'a reserved connection': 'pool',
    })
  })

  it("leaves the user's own queries and options as they were", async () => {
    const sql = quietSql(database.url, { max: 1, transform: postgres.camel })
    const { executor } = createDriver(sql)
    const before = {
      ...sql.options,
      transform: { ...sql.options.transform, column: { ...sql.options.transform.column } },
    }
    await executor.query('select $1::text as a_b', ['x'], { prepare: true })

    expect(await sql`select ${'x'}::text as a_b, 42 as n`).toEqual([{ aB: 'x', n: 42 }])
    expect(sql.options).toEqual(before)
    await sql.end()
  })

  it('leaves a pool alone when a statement fails: its connection is used again', async () => {
    const pool = quietSql(database.url, { max: 1 })
    const { executor } = createDriver(pool)
    const pid = async (): Promise<unknown> => (await executor.query('select pg_backend_pid() as pid', []))[0]?.pid
    const before = await pid()
    await rejectionOf(executor.query('select * from no_such_table', []))

    expect(await pid()).toBe(before)
    await pool.end()
  })
})
