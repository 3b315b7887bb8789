import type { JsonValue, SqlParam } from '@pgmq/core'
import { expect } from 'vitest'
import type { Subject } from '../subject.js'

const PARAMETERS: readonly SqlParam[] = [
  'plain',
  '',
  null,
  'ü→😀 \\ \' " $1 ? :name %s',
  '{1,2,3}',
  '[1, 2]',
  '9223372036854775807',
  '{"a": "b\\u0041"}',
  'line\nline\ttab',
  'NULL',
  'true',
  '2026-01-02T03:04:05Z',
]

const BODIES: readonly (readonly [string, Readonly<Record<string, JsonValue>>])[] = [
  ['nothing', {}],
  ['nested arrays', { a: [[], [[1], [2, [3]]], [{ b: [] }]] }],
  ['empty things', { object: {}, array: [], text: '', none: null }],
  ['texts that look like JSON', { a: '{"b": 1}', b: '[1]', c: 'null', d: '"', e: '1', f: '\\"' }],
  ['texts that look like something else', { a: '{1,2}', b: '2026-01-02', c: '$1', d: "'; drop table x --", e: '?' }],
  ['every script', { 'ключ 🔑': 'naïve 日本語 العربية 👩‍👩‍👧 \u2028 \u0001' }],
  ['numbers', { zero: 0, part: 0.1, small: 1e-300, large: 1.7976931348623157e308, whole: 9007199254740991, minus: -1 }],
  ['names of an object', JSON.parse('{"__proto__": 1, "constructor": 2, "toString": "x"}')],
]

/** Parameters, columns and JSON come through unchanged, whatever the driver would make of them by itself. */
export function values<C>(d: Subject<C>): void {
  d.it('every column is the text that PostgreSQL writes, or null', ['types'], async () => {
    const [row] = await d.driver.executor.query(
      `select 42 as int4, 9007199254740993 as int8, 1.50 as numeric, true as bool, null::int as missing, '' as empty,
         '{1,2,3}'::int[] as ints, '{"a": [1, "ü"]}'::jsonb as jsonb, '{"a":1}'::json as json, '\\x00ff'::bytea as bytea,
         '6f5f6d3e-0000-4000-8000-000000000000'::uuid as uuid, date '2026-01-02' as day, 'ü→😀'::text as text`,
      [],
    )
    expect(row).toEqual({
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
      uuid: '6f5f6d3e-0000-4000-8000-000000000000',
      day: '2026-01-02',
      text: 'ü→😀',
    })
  })

  d.it('columns keep their names', [], async () => {
    const [row] = await d.driver.executor.query(
      `select 'a'::text snake_case, 'b'::text "camelCase", 'c'::text "With space"`,
      [],
    )
    expect(row).toEqual({ snake_case: 'a', camelCase: 'b', 'With space': 'c' })
  })

  for (const value of PARAMETERS)
    d.it(`the parameter ${JSON.stringify(value)} comes back as it was, prepared or not`, [], async () => {
      for (const prepare of [false, true])
        expect(await d.driver.executor.query('select $1::text as value', [value], { prepare })).toEqual([{ value }])
    })

  d.it('numbers travel as text', [], async () => {
    const text = 'select $1::text as whole, $2::text::float8::text as part, ($3::text::int + 1)::text as sum'
    expect(await d.driver.executor.query(text, [42, 0.1, 41])).toEqual([{ whole: '42', part: '0.1', sum: '42' }])
  })

  d.it('one text is a whole array, or a whole JSON document', [], async () => {
    const text = `select id::text, (select count(*) from jsonb_array_elements($2::text::jsonb))::text length
      from unnest((select $1::text::bigint[])) id`
    expect(await d.driver.executor.query(text, ['{9007199254740993,2}', '[{"a": 1}, null]'])).toEqual([
      { id: '9007199254740993', length: '2' },
      { id: '2', length: '2' },
    ])
  })

  d.it('no rows are an empty list', [], async () => {
    expect(await d.driver.executor.query('select 1 as one where $1::text is null', ['x'])).toEqual([])
  })

  for (const [what, body] of BODIES)
    d.it(`a body of ${what} is what comes back, from the queue and from the archive`, [], async () => {
      const queue = await d.queue()
      await d.client.enqueue(queue, body)
      await d.client.enqueueMany(queue, [body, body])
      const messages = await d.client.dequeueMany(queue, { limit: 3 })
      expect(messages.map((message) => message.body)).toEqual([body, body, body])
      await d.client.archiveMany(messages)
      expect((await d.client.queues.archived(queue)).items.map((message) => message.body)).toEqual([body, body, body])
    })

  d.it('a body of a megabyte comes through', [], async () => {
    const queue = await d.queue()
    const body = { text: '😀"\\'.repeat(170_000) }
    await d.client.enqueue(queue, body)
    expect((await d.client.dequeue(queue))?.body).toEqual(body)
  })

  d.it('a body that others wrote may be null, or no object', [], async () => {
    const queue = await d.queue()
    for (const body of [null, 'null', '[1]', '"text"', '7'])
      await d.sql(`insert into pgmq.q_${queue} (vt, message) values (now(), $1::text::jsonb)`, [body])
    const bodies = (await d.client.dequeueMany(queue, { limit: 9 })).map(({ body }) => body)
    expect(bodies).toEqual([null, null, [1], 'text', 7])
  })

  d.it('a number beyond the doubles stays exact in the database, also through the dead-letter queue', [], async () => {
    const queue = await d.queue()
    const exact = '{"n": 12345678901234567890123, "p": 0.1000000000000000000001}'
    await d.sql(`insert into pgmq.q_${queue} (vt, message) values (now(), $1::text::jsonb)`, [exact])
    const message = await d.client.dequeue(queue)
    if (!message) throw new Error('no message')
    await d.client.processWithRetry(message, () => Promise.reject(new Error('no')), { retry: { maxRetries: 0 } })
    await d.client.deadLetters.redrive(queue, {})
    const [row] = await d.sql<{ message: string }>(`select message::text from pgmq.q_${queue}`)
    expect(row?.message).toBe(exact)
  })

  d.it('headers come back with a retry, a dead letter and a redrive, whatever they are', ['headers'], async () => {
    const queue = await d.queue()
    for (const headers of ['{"a": {"b": [1]}}', '[1, 2]', '"text"', '5', null])
      await d.sql(`insert into pgmq.q_${queue} (vt, message, headers) values (now(), '{}', $1::text::jsonb)`, [headers])
    const policy = { retry: { maxRetries: 1, backoff: () => 0 } }
    for (let runs = 0; runs < 2; runs++)
      for (const message of await d.client.dequeueMany(queue, { limit: 9 }))
        await d.client.processWithRetry(message, () => Promise.reject(new Error('no')), policy)
    expect(await d.client.deadLetters.redrive(queue, {})).toEqual({ redriven: 5 })
    const rows = await d.sql<{ headers: string | null }>(`select headers::text from pgmq.q_${queue} order by msg_id`)
    expect(rows.map(({ headers }) => headers)).toEqual(['{"a": {"b": [1]}}', '[1, 2]', '"text"', '5', null])
  })
}
