import {
  defineTask,
  type EnqueueMiddleware,
  type EnqueueOptions,
  type JsonObject,
  type PgmqClient,
  type StandardSchema,
  unchecked,
} from '@pgmq/core'
import { createClient, PermanentError } from '@pgmq/node-pg'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { listen } from './support/connection.js'
import { describeSuite } from './support/harness.js'
import { places, rows } from './support/look.js'
import { refusal, rejection } from './support/refusal.js'
import { until } from './support/until.js'

const numbers = (count: number): { n: number }[] => Array.from({ length: count }, (_, n) => ({ n }))
const nested = (depth: number): unknown => JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`)

describeSuite('enqueue', (h) => {
  const exists = async (queue: string): Promise<boolean> =>
    (await h.sql<{ there: boolean }>('select to_regclass($1) is not null there', [`pgmq.q_${queue}`]))[0]?.there ===
    true
  /** How many statements wrote what lies in a queue: each was a transaction of its own. */
  const statements = async (queue: string): Promise<number> =>
    (await h.sql<{ n: number }>(`select count(distinct xmin::text)::int n from pgmq.q_${queue}`))[0]?.n ?? 0
  const created = async (): Promise<string> => {
    const queue = h.queue()
    await h.client.queues.create(queue)
    return queue
  }

  // ── Queue, ids, shared statements ───────────────────────────────────────────────────────────────

  it('creates a queue and its dead-letter queue where they are missing', async () => {
    const queue = h.queue()
    const result = await h.client.enqueue(queue, { task: 'ping' })
    expect(result).toEqual({ queue, id: '1', status: 'enqueued' })
    expect(await places(h, queue)).toEqual({ queue: 1, archive: 0, dlq: 0 })
  })

  it('stores the name of the task beside the input, and no headers where there is nothing to say', async () => {
    const task = defineTask({ name: 'ping', queue: h.queue(), input: z.object({ n: z.number() }) })
    await h.client.enqueue(task, { n: 1 })
    expect((await rows(h, `q_${task.queue}`))[0]).toMatchObject({ message: { task: 'ping', n: 1 }, headers: null })
  })

  it('stores the input as it was given, not as its schema makes it', async () => {
    const task = defineTask({ name: 'at', queue: h.queue(), input: z.object({ at: z.string().transform(Date.parse) }) })
    await h.client.enqueue(task, { at: '2026-01-01' })
    expect((await rows(h, `q_${task.queue}`))[0]?.message).toEqual({ task: 'at', at: '2026-01-01' })
  })

  it('creates a missing queue once for many concurrent calls and clients', async () => {
    const queue = h.queue()
    const clients = [h.client, h.clientWith({}), h.clientWith({})]
    const results = await Promise.all(numbers(60).map((body, i) => (clients[i % 3] ?? h.client).enqueue(queue, body)))
    expect(new Set(results.map(({ id }) => id)).size).toBe(60)
    expect((await places(h, queue)).queue).toBe(60)
  })

  it('creates a queue again that somebody dropped meanwhile', async () => {
    const queue = await created()
    await h.client.enqueue(queue, { n: 1 })
    await h.sql('select pgmq.drop_queue($1)', [queue])
    await h.client.enqueue(queue, { n: 2 })
    expect((await rows(h, `q_${queue}`)).map(({ message }) => message)).toEqual([{ n: 2 }])
  })

  it('shares statements between concurrent calls, each with the id of its own job', async () => {
    const queue = await created()
    const results = await Promise.all(numbers(500).map((body) => h.client.enqueue(queue, body)))
    const ids = new Map((await rows(h, `q_${queue}`)).map((row) => [row.message.n, row.msg_id]))
    expect(results.map(({ id }) => id)).toEqual(numbers(500).map(({ n }) => ids.get(n)))
    expect(await statements(queue)).toBeLessThan(10)
  })

  it('gives no call the id of another where a trigger skips rows', async () => {
    const queue = await created()
    await h.sql(`create function skip_${queue}() returns trigger language plpgsql as
      $$ begin if new.message->>'n' = '2' then return null; end if; return new; end $$`)
    await h.sql(`create trigger skip before insert on pgmq.q_${queue} for each row execute function skip_${queue}()`)
    const results = await Promise.allSettled([1, 2, 3].map((n) => h.client.enqueue(queue, { n })))
    const stored = new Map((await rows(h, `q_${queue}`)).map((row) => [row.msg_id, row.message.n]))
    for (const [i, result] of results.entries())
      if (result.status === 'fulfilled') expect(stored.get(result.value.id)).toBe(i + 1)
    const error = await refusal(h.client.enqueueMany(queue, numbers(3)), 'OUTCOME_UNKNOWN')
    expect(error.message).toBe(
      `cannot tell which jobs were enqueued into "${queue}": of 3, PostgreSQL stored 2. A trigger on its table may skip rows`,
    )
  })

  it('stores a body as it was at the call', async () => {
    const task = defineTask({ name: 'ping', queue: await created(), input: unchecked<{ at: { n: number } }>() })
    const input = { at: { n: 0 } }
    const calls: Promise<unknown>[] = []
    for (input.at.n = 1; input.at.n <= 3; input.at.n++)
      calls.push(h.client.enqueue(task, input), h.client.enqueue(task.queue, input))
    await Promise.all(calls)
    expect((await rows(h, `q_${task.queue}`)).map(({ message }) => message.at)).toEqual(
      [1, 1, 2, 2, 3, 3].map((n) => ({ n })),
    )
  })

  it('shares no statement of more than 1 MiB', async () => {
    const queue = await created()
    const text = 'x'.repeat(300_000)
    await Promise.all(numbers(6).map(({ n }) => h.client.enqueue(queue, { n, text })))
    expect(await statements(queue)).toBe(2)
  })

  it('refuses one bad job among many concurrent ones, and only that', async () => {
    const queue = await created()
    await h.sql(`alter table pgmq.q_${queue} add constraint lucky check (message->>'n' <> '13')`)
    const results = await Promise.allSettled(numbers(100).map((body) => h.client.enqueue(queue, body)))
    const refused = results.flatMap((result, n) => (result.status === 'rejected' ? [{ n, error: result.reason }] : []))
    expect(refused).toMatchObject([{ n: 13, error: { code: 'QUERY_FAILED', details: { sqlState: '23514' } } }])
    expect((await rows(h, `q_${queue}`)).map(({ message }) => message.n)).toHaveLength(99)
  })

  it('says which constraint refused a job, and where', async () => {
    const queue = await created()
    await h.sql(`alter table pgmq.q_${queue} add constraint lucky check (message->>'n' <> '13')`)
    const error = await refusal(h.client.enqueue(queue, { n: 13 }), 'QUERY_FAILED')
    expect(error.message).toBe(
      `cannot enqueue into "${queue}": new row for relation "q_${queue}" violates check constraint "lucky"`,
    )
  })

  it('logs each job by its id and queue', async () => {
    const lines: string[] = []
    const silent = (): void => undefined
    const client = h.clientWith({
      logger: { debug: silent, info: (_fields, line) => lines.push(line), warn: silent, error: silent },
    })
    const queue = h.queue()
    await client.enqueueMany(queue, numbers(2))
    expect(lines).toEqual([`Enqueued message 1 to queue '${queue}'`, `Enqueued message 2 to queue '${queue}'`])
  })

  // ── Bodies ──────────────────────────────────────────────────────────────────────────────────────

  it.each<[string, unknown]>([
    ['nested arrays', [[1, [2]], [], [[[]]]]],
    ['an empty object', {}],
    ['emoji and other scripts', '👩‍👩‍👧‍👦 Ğ 漢字 \u2028 \ufffd'],
    ['a megabyte', 'é'.repeat(500_000)],
    ['numbers at the edge of the safe ones', [2 ** 53, 2 ** 53 - 1, -(2 ** 53), 1e308, 5e-324, 0.1 + 0.2]],
    ['a text that looks like JSON', '{"a": [1, "\\"2\\""]}'],
    ['a text that looks like an array of SQL', '{1,NULL,"x"}'],
    ['a text with an escaped U+0000 in it', '\\u0000 \\\\u0000 \\\\\\ud800'],
    ['backslashes and quotes', '\\ \\\\ " \\" \' \b\f\n\r\t\u001f'],
    ['JSON null', null],
    ['what JavaScript keeps for itself', JSON.parse('{"toString": 3, "__proto__": {"a": 1}, "constructor": 2}')],
    ['fields named as the statement names its own', { b: 1, h: { s: 2 }, s: 3, t: 4 }],
    ['a deep value', nested(1_000)],
  ])('stores and returns %s', async (_what, value) => {
    const queue = h.queue()
    const body = { value } as JsonObject
    await h.client.enqueue(queue, body)
    const message = await h.client.dequeue(queue)
    expect(JSON.stringify(message?.body)).toBe(JSON.stringify(body))
  })

  it('keeps prototype keys of an input and of headers as plain fields', async () => {
    const task = defineTask({ name: 'ping', queue: h.queue(), input: unchecked<Record<string, unknown>>() })
    const hostile = JSON.parse('{"__proto__": {"admin": true}}') as JsonObject
    await h.client.enqueue(task, hostile, { headers: hostile })
    const message = await h.client.dequeue(task.queue)
    expect(Object.keys(message?.body as object).sort()).toEqual(['__proto__', 'task'])
    expect(JSON.stringify(message?.headers)).toBe('{"__proto__":{"admin":true}}')
    expect((message?.body as { admin?: boolean } | undefined)?.admin).toBeUndefined()
  })

  it('stores any JSON value as it is', async () => {
    const queue = await created()
    const values = fc.sample(fc.jsonValue(), 500).filter((value) => !JSON.stringify(value).includes('\\u0000'))
    const bodies = values.map((value) => ({ value }))
    await h.client.enqueueMany(queue, bodies)
    const messages = await h.client.dequeueMany(queue, { limit: 500 })
    expect(messages.map(({ body }) => body)).toEqual(JSON.parse(JSON.stringify(bodies)))
  })

  const cycle: Record<string, unknown> = { list: [{}] }
  ;(cycle.list as unknown[])[0] = cycle
  it.each<[string, unknown, string, string]>([
    ['U+0000', { a: ['x', 'b\u0000'] }, 'body.value.a[1]', 'contains U+0000'],
    ['U+0000 after a backslash', 'x\\\u0000', 'body.value', 'contains U+0000'],
    ['U+0000 in a key', { 'k\u0000': 1 }, 'body.value.k\u0000', 'contains U+0000'],
    ['the first half of a surrogate pair', { a: '\ud83d' }, 'body.value.a', 'contains half a surrogate pair'],
    ['the second half of a surrogate pair', { a: '\ude00!' }, 'body.value.a', 'contains half a surrogate pair'],
    ['half a surrogate pair in a key', { '\ud83d': 1 }, 'body.value.\ud83d', 'contains half a surrogate pair'],
    ['a bigint', { a: { b: 1n } }, 'body.value.a.b', 'is a bigint'],
    ['a cycle', cycle, 'body.value.list[0]', 'refers back to itself'],
  ])('refuses %s, naming the path, before anything is written', async (_what, value, path, problem) => {
    const queue = h.queue()
    const error = await refusal(h.client.enqueue(queue, { value } as JsonObject), 'BODY_NOT_SERIALIZABLE')
    expect(error.details).toEqual({ path })
    expect(error.message).toBe(
      `${path} ${problem}, so it cannot be stored as jsonb. Remove or encode it before enqueueing`,
    )
    expect(await exists(queue)).toBe(false)
  })

  it('refuses a body 10,000 levels deep before anything is written', async () => {
    const queue = h.queue()
    const error = await refusal(
      h.client.enqueue(queue, { value: nested(10_000) } as JsonObject),
      'BODY_NOT_SERIALIZABLE',
    )
    expect(error.message).toContain('is nested too deeply')
    expect(error.details.path).toMatch(/^body\.value\[0\]\[0\]/)
    expect(await exists(queue)).toBe(false)
  })

  it.each<[string, JsonObject]>([
    ['U+0000 in a value', { tenant: 'a\u0000' }],
    ['half a surrogate pair in a name', { '\udc00': 1 }],
  ])('refuses headers with %s', async (_what, headers) => {
    const queue = h.queue()
    const error = await refusal(h.client.enqueue(queue, { n: 1 }, { headers }), 'BODY_NOT_SERIALIZABLE')
    expect(error.details.path).toBe(`headers.${Object.keys(headers)[0]}`)
    expect(await exists(queue)).toBe(false)
  })

  it.each<[string, unknown]>([
    ['an array', [{ n: 1 }]],
    ['a text', 'ping'],
    ['nothing', undefined],
    ['null', null],
  ])('refuses %s as a body', async (_what, body) => {
    const queue = h.queue()
    const error = await refusal(h.client.enqueue(queue, body as JsonObject), 'BODY_NOT_SERIALIZABLE')
    expect(error.message).toMatch(/^body .* is no job: pass an object$/)
    expect(await exists(queue)).toBe(false)
  })

  it.each<[string, object]>([
    ['a date', new Date()],
    ['an object that becomes a number', { task: 'ping', toJSON: () => 5 }],
    ['an object that becomes an array', { toJSON: () => [{}] }],
  ])('refuses %s as a body, which is no object as JSON', async (_what, body) => {
    const queue = h.queue()
    const error = await refusal(h.client.enqueue(queue, body as JsonObject), 'BODY_NOT_SERIALIZABLE')
    expect(error.message).toBe('body is no object once it is JSON: pass one whose toJSON, if any, gives an object')
    expect(await exists(queue)).toBe(false)
  })

  it('refuses headers that the tables cannot hold alone, though others share their statement', async () => {
    const queue = await created()
    for (const table of [`q_${queue}`, `a_${queue}`]) await h.sql(`alter table pgmq.${table} drop column headers`)
    const client = h.clientWith({})
    const all = [{}, { headers: { a: 1 } }, {}].map((options, n) => client.enqueue(queue, { n }, options))
    const results = await Promise.allSettled(all)
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(results[1]).toMatchObject({ reason: { code: 'FEATURE_UNSUPPORTED' } })
  })

  it.each(['a pool', 'a transaction'])('sees on %s that an update of pgmq brought headers meanwhile', async (where) => {
    const queue = await created()
    const tables = [`q_${queue}`, `a_${queue}`]
    for (const table of tables) await h.sql(`alter table pgmq.${table} drop column headers`)
    const client = h.clientWith({})
    await client.enqueue(queue, { n: 1 })
    for (const table of tables) await h.sql(`alter table pgmq.${table} add column headers jsonb`)
    const options = { headers: { tenant: 'acme' } }
    await (where === 'a pool'
      ? client.enqueue(queue, { n: 2 }, options)
      : h.transaction((tx) => client.with(tx).enqueue(queue, { n: 2 }, options)))
    expect((await rows(h, `q_${queue}`))[1]?.headers).toEqual({ tenant: 'acme' })
  })

  it('does its work though the logger throws', async () => {
    const throws = (): never => {
      throw new Error('the disk is full')
    }
    const client = h.clientWith({ logger: { debug: throws, info: throws, warn: throws, error: throws } })
    const queue = h.queue()
    await client.enqueue(queue, { n: 1 })
    const message = await client.dequeue(queue)
    const failed = client.processWithRetry(message as NonNullable<typeof message>, (_body, { log }) => {
      log.info({}, 'begun')
      throw new PermanentError('no')
    })
    expect(await failed).toBeNull()
    expect((await client.deadLetters.list(queue)).items).toMatchObject([{ error: 'no' }])
  })

  it('refuses a body that cannot be stored alone, though others share its turn', async () => {
    const queue = await created()
    const bodies: JsonObject[] = [{ n: 1 }, { n: 'a\u0000' }, { n: 3 }]
    const results = await Promise.allSettled(bodies.map((body) => h.client.enqueue(queue, body)))
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  })

  // ── Schemas ─────────────────────────────────────────────────────────────────────────────────────

  const even = (n: number): boolean => n % 2 === 0
  it.each([
    ['at once', z.object({ n: z.number().refine(even, 'must be even') })],
    ['later', z.object({ n: z.number().refine(async (n) => even(await Promise.resolve(n)), 'must be even') })],
  ])('refuses an input whose schema answers %s, and says which', async (_when, input) => {
    const task = defineTask({ name: 'halve', queue: h.queue(), input })
    const error = await refusal(h.client.enqueueMany(task, [{ n: 2 }, { n: 4 }, { n: 5 }]), 'INPUT_INVALID')
    expect(error.message).toBe('input 2 of task "halve" is invalid: n: must be even')
    expect(error.details).toMatchObject({ task: 'halve', index: 2, issues: [{ path: ['n'] }] })
    expect(await exists(task.queue)).toBe(false)
  })

  it('refuses an input whose schema answers by a promise of another make', async () => {
    const answer = { issues: [{ message: 'no' }] }
    // biome-ignore lint/suspicious/noThenProperty: that is what such a promise is
    const later = { then: (resolve: (result: typeof answer) => void) => resolve(answer) } as Promise<typeof answer>
    const input: StandardSchema<object> = { '~standard': { version: 1, vendor: 'own', validate: () => later } }
    const task = defineTask({ name: 'ping', queue: h.queue(), input })
    expect((await refusal(h.client.enqueue(task, {}), 'INPUT_INVALID')).message).toContain('is invalid: no')
  })

  it('keeps the field "task" for itself', async () => {
    const task = defineTask({ name: 'ping', queue: h.queue(), input: unchecked<JsonObject>() })
    const error = await refusal(h.client.enqueue(task, { task: 'pong' }), 'INPUT_INVALID')
    expect(error.message).toBe(
      'input 0 of task "ping" is invalid: task: the field is reserved for the name of the task',
    )
    expect(await exists(task.queue)).toBe(false)
  })

  // ── Options ─────────────────────────────────────────────────────────────────────────────────────

  it('hides a job for delaySeconds', async () => {
    const queue = h.queue()
    await h.client.enqueue(queue, { n: 1 }, { delaySeconds: 60.5 })
    expect(await h.client.dequeue(queue)).toBeNull()
    const [row] = await h.sql<{ s: number }>(
      `select extract(epoch from vt - enqueued_at)::float8 s from pgmq.q_${queue}`,
    )
    expect(row?.s).toBeCloseTo(60.5, 0)
  })

  it.each([
    ['ahead', '2199-12-31T23:59:59.999Z', '7258118399999'],
    ['past', '1979-07-20T20:17:40.123Z', '301349860123'],
    ['before 1970', '1969-07-20T20:17:40.123Z', '0'],
    ['millennia ahead', '+275760-09-13T00:00:00.000Z', '8640000000000000'],
  ])('makes a job visible at a runAt that is %s', async (_when, runAt, dueMs) => {
    const queue = h.queue()
    await h.client.enqueue(queue, { n: 1 }, { runAt: new Date(runAt) })
    const [row] = await h.sql<{ ms: string }>(`select (extract(epoch from vt) * 1000)::int8 ms from pgmq.q_${queue}`)
    expect(row?.ms).toBe(dueMs)
  })

  it.each<[string, unknown, string]>([
    ['a negative delay', { delaySeconds: -1 }, 'delaySeconds -1 is invalid: give a number of seconds'],
    ['NaN', { delaySeconds: Number.NaN }, 'delaySeconds NaN is invalid: give a number of seconds'],
    ['an endless delay', { delaySeconds: Number.POSITIVE_INFINITY }, 'delaySeconds Infinity is invalid'],
    ['a text as delay', { delaySeconds: '60' }, 'delaySeconds 60 is invalid: give a number of seconds'],
    ['null as delay', { delaySeconds: null }, 'delaySeconds null is invalid: give a number of seconds'],
    ['an invalid date', { runAt: new Date('x') }, 'runAt Invalid Date is invalid: give a Date'],
    ['a text as date', { runAt: '2030-01-01' }, 'runAt 2030-01-01 is invalid: give a Date'],
    ['both times', { runAt: new Date(), delaySeconds: 1 }, 'runAt and delaySeconds exclude each other: give one'],
    ['an array of headers', { headers: [1] }, 'headers [1] are invalid: pass an object'],
    ['null as headers', { headers: null }, 'headers null are invalid: pass an object'],
  ])('refuses %s before anything is written', async (_what, options, message) => {
    const queue = h.queue()
    const error = await refusal(h.client.enqueue(queue, { n: 1 }, options as EnqueueOptions), 'CONFIGURATION_INVALID')
    expect(error.message).toContain(message)
    expect(message).toContain(error.details.field)
    expect(await exists(queue)).toBe(false)
  })

  it('stores headers, without the counters that are the library’s own', async () => {
    const queue = h.queue()
    const kept = { tenant: 'acme', traceparent: '00-a-b-01', 'x-pgmq-group': 'user:7', 'x-job-note': [1] }
    const own = Object.fromEntries(
      ['failures', 'ended', 'alone', 'unknown', 'dead', 'version', 'output', 'outcome', 'error'].map((name) => [
        `x-job-${name}`,
        9,
      ]),
    )
    await h.client.enqueue(queue, { n: 1 }, { headers: { ...kept, ...own } })
    expect((await h.client.dequeue(queue))?.headers).toEqual(kept)
  })

  it('tells the version of a task, where it is not the first', async () => {
    const task = defineTask({ name: 'ping', queue: h.queue(), input: unchecked<{ n: number }>(), version: 3 })
    await h.client.enqueue(task, { n: 1 }, { headers: { 'x-job-version': 99, tenant: 'acme' } })
    expect((await h.client.dequeue(task.queue))?.headers).toEqual({ 'x-job-version': 3, tenant: 'acme' })
  })

  // ── Many, and streams ───────────────────────────────────────────────────────────────────────────

  it('gives ids in the order of the inputs, from one statement', async () => {
    const queue = h.queue()
    const results = await h.client.enqueueMany(queue, numbers(2_000))
    const stored = await rows(h, `q_${queue}`)
    expect(results.map(({ id }) => id)).toEqual(stored.map(({ msg_id }) => msg_id))
    expect(stored.map(({ message }) => message.n)).toEqual(numbers(2_000).map(({ n }) => n))
    expect(await statements(queue)).toBe(1)
  })

  it('writes all of many, or none', async () => {
    const queue = await created()
    await h.sql(`alter table pgmq.q_${queue} add check (message->>'n' <> '13')`)
    await refusal(h.client.enqueueMany(queue, numbers(20)), 'QUERY_FAILED')
    expect((await places(h, queue)).queue).toBe(0)
  })

  it('takes an empty list', async () => {
    const queue = h.queue()
    expect(await h.client.enqueueMany(queue, [])).toEqual([])
    expect(await exists(queue)).toBe(false)
  })

  it('takes options for each job from a function', async () => {
    const queue = h.queue()
    await h.client.enqueueMany(queue, numbers(3), ({ n }, index) => ({ headers: { n, index } }))
    expect((await rows(h, `q_${queue}`)).map(({ headers }) => headers)).toEqual([
      { n: 0, index: 0 },
      { n: 1, index: 1 },
      { n: 2, index: 2 },
    ])
  })

  it('takes 50,000 jobs, and refuses one more before anything is written', async () => {
    const queue = await created()
    const error = await refusal(h.client.enqueueMany(queue, numbers(50_001)), 'BATCH_TOO_LARGE')
    expect(error.message).toBe(
      '50001 jobs are too many for one statement: 50000 jobs at most. Nothing was written; use enqueueStream, which sends them in chunks',
    )
    expect(error.details).toEqual({ limit: 50_000 })
    expect(await h.client.enqueueMany(queue, numbers(50_000))).toHaveLength(50_000)
    expect((await places(h, queue)).queue).toBe(50_000)
  })

  it('refuses more than 64 MiB before anything is written', async () => {
    const queue = h.queue()
    const body = { text: 'é'.repeat(512 * 1024) }
    const error = await refusal(
      h.client.enqueueMany(
        queue,
        Array.from({ length: 64 }, () => body),
      ),
      'BATCH_TOO_LARGE',
    )
    expect(error.message).toMatch(/^\d{8} bytes are too many for one statement: 67108864 bytes at most/)
    expect(await exists(queue)).toBe(false)
  })

  it('sends nothing of a stream until it is iterated', async () => {
    const queue = await created()
    const pulled: number[] = []
    const stream = h.client.enqueueStream(
      queue,
      (function* () {
        for (const body of numbers(5)) {
          pulled.push(body.n)
          yield body
        }
      })(),
      { chunkSize: 2 },
    )
    await h.client.enqueue(queue, { first: true })
    expect(pulled).toEqual([])
    const sizes: number[] = []
    for await (const chunk of stream) sizes.push(chunk.length)
    expect(sizes).toEqual([2, 2, 1])
    expect((await rows(h, `q_${queue}`)).map(({ message }) => message)).toEqual([{ first: true }, ...numbers(5)])
  })

  it('reads no further ahead of a stream than one chunk', async () => {
    const queue = await created()
    let pulled = 0
    async function* endless(): AsyncGenerator<JsonObject> {
      for (;;) yield await Promise.resolve({ n: ++pulled })
    }
    let taken = 0
    for await (const chunk of h.client.enqueueStream(queue, endless(), { chunkSize: 100 })) {
      taken += chunk.length
      expect(pulled).toBe(taken)
      expect((await places(h, queue)).queue).toBe(taken)
      if (taken === 300) break
    }
    expect(taken).toBe(300)
  })

  it('tells how many jobs of a stream were committed before an error', async () => {
    const task = defineTask({ name: 'ping', queue: await created(), input: z.object({ n: z.number().max(4) }) })
    const chunks: unknown[] = []
    const error = await refusal(
      (async () => {
        for await (const chunk of h.client.enqueueStream(task, numbers(9), { chunkSize: 2 })) chunks.push(chunk)
      })(),
      'INPUT_INVALID',
    )
    expect(error.message).toMatch(
      /^4 jobs of the stream were committed before one chunk failed: input 5 of task "ping" is invalid/,
    )
    expect(error.details.index).toBe(5)
    expect(chunks).toHaveLength(2)
    expect((await places(h, task.queue)).queue).toBe(4)
  })

  /** Iterates a stream to its end. */
  async function exhaust(stream: ReturnType<PgmqClient['enqueueStream']>): Promise<number[]> {
    const sizes: number[] = []
    for await (const chunk of stream) sizes.push(chunk.length)
    return sizes
  }

  it('calls no stream retryable of which a part is committed', async () => {
    const queue = await created()
    const middleware: EnqueueMiddleware = (jobs, next) =>
      jobs[0]?.body.n === 2 ? Promise.reject(connectionLost) : next(jobs)
    const connectionLost = await refusal(
      createClient('postgres://127.0.0.1:1/app').enqueue(queue, {}),
      'CONNECTION_LOST',
    )
    const client = h.clientWith({ middleware: [middleware] })
    const partly = await refusal(exhaust(client.enqueueStream(queue, numbers(4), { chunkSize: 2 })), 'CONNECTION_LOST')
    expect(partly).toMatchObject({ retryable: false, cause: connectionLost })
    expect(partly.message).toBe(
      `2 jobs of the stream were committed before one chunk failed: ${connectionLost.message}`,
    )
    const at = numbers(4).slice(2)
    expect(await rejection(exhaust(client.enqueueStream(queue, at, { chunkSize: 2 })))).toBe(connectionLost)
  })

  it('halves a chunk that is too large for one statement, and keeps the order', async () => {
    const queue = await created()
    const text = 'é'.repeat(8 * 1024 * 1024)
    const inputs = numbers(6).map(({ n }) => ({ n, text }))
    expect(await exhaust(h.client.enqueueStream(queue, inputs))).toEqual([3, 3])
    const [order] = await h.sql<{ n: string }>(
      `select string_agg(message->>'n', '' order by msg_id) n from pgmq.q_${queue}`,
    )
    expect(order?.n).toBe('012345')
    await h.sql(`truncate pgmq.q_${queue}`)
  }, 60_000)

  it('refuses a job that is too large alone, in a stream as well', async () => {
    const body = { text: 'x'.repeat(68_000_000) }
    for (const call of [h.client.enqueue(h.queue(), body), exhaust(h.client.enqueueStream(h.queue(), [body]))])
      expect((await refusal(call, 'BATCH_TOO_LARGE')).message).toBe(
        'a job of 68000017 bytes is too large: 67108864 bytes at most. Nothing was written; keep large data elsewhere, and send where it is',
      )
  })

  it('refuses chunks of more than 50,000 before it reads the source', async () => {
    const source = (function* (): Generator<JsonObject> {
      yield expect.fail('read')
    })()
    const error = await refusal(
      exhaust(h.client.enqueueStream(h.queue(), source, { chunkSize: 50_001 })),
      'CONFIGURATION_INVALID',
    )
    expect(error.details.field).toBe('chunkSize')
  })

  it('stops a stream when its signal aborts, though its source hangs', async () => {
    const controller = new AbortController()
    const reason = new Error('enough')
    let returned = false
    const hangs = (): Promise<never> => new Promise(() => undefined)
    const source: AsyncIterable<JsonObject> = {
      [Symbol.asyncIterator]: () => ({
        next: hangs,
        return() {
          returned = true
          return hangs()
        },
      }),
    }
    const stopped = rejection(exhaust(h.client.enqueueStream(h.queue(), source, { signal: controller.signal })))
    controller.abort(reason)
    expect(await stopped).toBe(reason)
    expect(returned).toBe(true)
  })

  it('stops a stream when its signal aborts, and closes its source', async () => {
    const queue = await created()
    const controller = new AbortController()
    let closed = false
    function* source(): Generator<JsonObject> {
      try {
        yield* numbers(10)
      } finally {
        closed = true
      }
    }
    const reason = new Error('enough')
    const error = await rejection(
      (async () => {
        for await (const _ of h.client.enqueueStream(queue, source(), { chunkSize: 2, signal: controller.signal }))
          controller.abort(reason)
      })(),
    )
    expect(error).toBe(reason)
    expect(closed).toBe(true)
    expect((await places(h, queue)).queue).toBe(2)
  })

  it.each([0, -1, 1.5, Number.NaN])('refuses a stream with chunks of %d', async (chunkSize) => {
    const next = h.client.enqueueStream(h.queue(), numbers(1), { chunkSize })[Symbol.asyncIterator]().next()
    expect((await refusal(next, 'CONFIGURATION_INVALID')).details.field).toBe('chunkSize')
  })

  // ── Names ───────────────────────────────────────────────────────────────────────────────────────

  const tooLong = 'x'.repeat(44)
  it.each<[string, string, string]>([
    ['capitals', 'Emails', 'names are lower case letters, digits and _, and begin with a letter. Use "emails"'],
    ['a dash', 'user-tasks', 'names are lower case letters, digits and _, and begin with a letter. Use "user_tasks"'],
    ['a digit in front', '1st', 'names are lower case letters, digits and _, and begin with a letter. Use "st"'],
    ['a quote', 'a"b', 'names are lower case letters, digits and _, and begin with a letter. Use "a_b"'],
    ['44 characters', tooLong, `"${tooLong}" has 44 characters, 43 are allowed`],
    ['the name of an index', 'a_vt_idx', 'names may not end in _vt_idx, _pkey, _msg_id_seq or _default'],
    ['the name of a key', 'a_pkey', 'names may not end in _vt_idx, _pkey, _msg_id_seq or _default'],
    ['no name', '', 'a name is a text that is not empty'],
    ['U+0000', 'a\u0000', 'a name is a text that is not empty'],
  ])('refuses a queue name with %s, and creates nothing', async (_what, queue, reason) => {
    const before = await h.client.queues.list()
    const error = await refusal(h.client.enqueue(queue, { n: 1 }), 'QUEUE_NAME_INVALID')
    expect(error.message).toBe(`queue name ${JSON.stringify(queue)} is invalid: ${reason}`)
    expect(error.details).toEqual({ queue })
    await refusal(h.client.enqueueMany(queue, [{ n: 1 }, { n: 2 }]), 'QUEUE_NAME_INVALID')
    expect(await h.client.queues.list()).toEqual(before)
  })

  it('takes a name of 43 characters, and its dead-letter queue', async () => {
    const queue = 'x'.repeat(43)
    await h.client.enqueue(queue, { n: 1 })
    await h.client.enqueue(`${queue}_dlq`, { n: 1 })
    expect(await places(h, queue)).toEqual({ queue: 1, archive: 0, dlq: 1 })
  })

  it('puts the prefix before the name in the database alone', async () => {
    const client = h.clientWith({ queuePrefix: 'unison' })
    expect(await client.enqueue('user_tasks', { n: 1 })).toMatchObject({ queue: 'user_tasks', id: '1' })
    expect(await places(h, 'unison_user_tasks')).toEqual({ queue: 1, archive: 0, dlq: 0 })
    expect(await client.dequeue('user_tasks')).toMatchObject({ queue: 'user_tasks', body: { n: 1 } })
  })

  it('counts the prefix in the length of a name', async () => {
    const client = h.clientWith({ queuePrefix: 'unison' })
    const error = await refusal(client.enqueue('x'.repeat(37), { n: 1 }), 'QUEUE_NAME_INVALID')
    expect(error.message).toContain(`"unison_${'x'.repeat(37)}" has 44 characters, 43 are allowed`)
  })

  it('creates nothing with createQueues: false, and says how to', async () => {
    const queue = h.queue()
    const client = h.clientWith({ createQueues: false })
    const error = await refusal(client.enqueue(queue, { n: 1 }), 'QUEUE_NOT_FOUND')
    expect(error.message).toBe(
      `cannot enqueue into "${queue}": there is no queue "${queue}". Create it: await client.queues.create("${queue}")`,
    )
    expect(await exists(queue)).toBe(false)
  })

  // ── Notifications ───────────────────────────────────────────────────────────────────────────────

  it('wakes listeners within the statement of a single job', async () => {
    const queue = await created()
    const heard = await listen(h, `pgmq.q_${queue}.INSERT`)
    const pool = h.poolWith({ max: 1 })
    await h.clientWith({}, pool).enqueue(queue, { n: 1 })
    // Holding the client's only connection, so that no later statement of its can notify.
    const held = await pool.connect()
    await until('a notification', () => heard.payloads.length)
    expect(heard.payloads).toEqual([''])
    held.release()
  })

  it('wakes listeners once more after a burst, and not for every statement of it', async () => {
    const queue = await created()
    const client = h.clientWith({})
    const heard = await listen(h, `pgmq.q_${queue}.INSERT`)
    const seen: number[] = []
    heard.on(async () => void seen.push((await places(h, queue)).queue))
    await Promise.all(numbers(20).map((body) => client.enqueueMany(queue, [body, body])))
    await until('a notification that finds every job', () => seen.includes(40))
    expect(seen.length).toBeLessThan(20)
  })

  it.each([
    ['of the client', { notify: false }, {}],
    ['of the call', {}, { notify: false }],
  ])('wakes nobody with notify: false %s', async (_whose, clientOptions, options) => {
    const queue = await created()
    const channel = `pgmq.q_${queue}.INSERT`
    const heard = await listen(h, channel)
    const client = h.clientWith(clientOptions)
    await client.enqueue(queue, { n: 1 }, options)
    await client.enqueueMany(queue, numbers(2), options)
    await client.close()
    await h.sql('select pg_notify($1, $2)', [channel, 'the end'])
    await until('a notification', () => heard.payloads.length)
    expect(heard.payloads).toEqual(['the end'])
  })

  // ── Middleware ──────────────────────────────────────────────────────────────────────────────────

  it('passes jobs through its middleware, the first outermost', async () => {
    const steps: string[] = []
    const step =
      (name: string): EnqueueMiddleware =>
      async (jobs, next) => {
        steps.push(`${name} in`)
        const results = await next(
          jobs.map((job) => ({ ...job, options: { ...job.options, headers: { ...job.options.headers, [name]: 1 } } })),
        )
        steps.push(`${name} out ${results.map(({ id }) => id).join()}`)
        return results
      }
    const queue = h.queue()
    await h.clientWith({ middleware: [step('outer'), step('inner')] }).enqueueMany(queue, numbers(2))
    expect(steps).toEqual(['outer in', 'inner in', 'inner out 1,2', 'outer out 1,2'])
    expect((await rows(h, `q_${queue}`))[1]?.headers).toEqual({ outer: 1, inner: 1 })
  })

  it('shows middleware the job as it will be stored, and lets it send it elsewhere', async () => {
    const [queue, elsewhere] = [h.queue(), h.queue()]
    const task = defineTask({ name: 'ping', queue, input: unchecked<{ n: number }>(), version: 2 })
    const seen: unknown[] = []
    const client = h.clientWith({
      middleware: [
        (jobs, next) => {
          seen.push(...jobs)
          return next(jobs.map((job) => ({ ...job, queue: elsewhere })))
        },
      ],
    })
    expect(await client.enqueue(task, { n: 1 })).toMatchObject({ queue: elsewhere })
    expect(seen).toEqual([{ queue, body: { task: 'ping', n: 1 }, options: {}, version: 2 }])
    expect(await exists(queue)).toBe(false)
  })

  it('fails a call whose middleware throws, and writes nothing', async () => {
    const queue = h.queue()
    const reason = new Error('no')
    const client = h.clientWith({ middleware: [() => Promise.reject(reason)] })
    expect(await rejection(client.enqueue(queue, { n: 1 }))).toBe(reason)
    expect(await exists(queue)).toBe(false)
  })

  it('refuses middleware that spreads one call over several queues', async () => {
    const [queue, elsewhere] = [h.queue(), h.queue()]
    const client = h.clientWith({
      middleware: [(jobs, next) => next(jobs.map((job, i) => (i === 0 ? job : { ...job, queue: elsewhere })))],
    })
    const error = await refusal(client.enqueueMany(queue, numbers(2)), 'CONFIGURATION_INVALID')
    expect(error.message).toContain('so to one queue')
    expect(await exists(queue)).toBe(false)
  })

  it('refuses middleware that passes on no jobs', async () => {
    const client = h.clientWith({ middleware: [(_jobs, next) => next([])] })
    const error = await refusal(client.enqueue(h.queue(), { n: 1 }), 'CONFIGURATION_INVALID')
    expect(error.message).toContain('middleware passed on no jobs')
    expect(error.details).toEqual({ field: 'middleware' })
  })
})
