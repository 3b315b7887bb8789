import { createWorker, defineTask, type JsonObject, type SqlExecutor, unchecked } from '@pgmq/core'
import { fromDrizzle, fromKnex, fromKysely, fromPrisma } from '@pgmq/core/query-builders'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeSuite, type Harness } from './support/harness.js'
import { places, rows } from './support/look.js'
import { type Builder, builders, type Open } from './support/query-builders.js'
import { refusal, rejection } from './support/refusal.js'
import { until } from './support/until.js'

const NASTY: JsonObject = {
  text: `it's a "test"? Really?? $1 $2 \\? \\\\?? :name ::text é 日本 👩‍👩‍👧 \n\t %s {} [] null`,
  'key ? $1': ['?', '$1', "''", '""', '42', ' ', ''],
  looksLikeJson: '{"a":1}',
  numbers: [0.1, 1e21, -0, 9007199254740991],
  none: null,
}

/** Opens a builder for the tests of a block. */
function useBuilder(h: Harness, open: Open, hostile = false): () => Builder {
  let builder: Builder | undefined
  beforeAll(() => {
    builder = open(h.url, hostile)
  })
  afterAll(async () => void (await builder?.close()))
  return () => builder as Builder
}

/** Rolls back what `work` did; what it throws itself is thrown. */
async function undo(builder: Builder, work: Parameters<Builder['transaction']>[0]): Promise<void> {
  let outcome: Promise<unknown> = Promise.resolve()
  const error = await rejection(
    builder.transaction(async (executor, query) => {
      outcome = Promise.resolve(work(executor, query))
      await outcome
      throw new Error('rolled back')
    }),
  )
  await outcome
  // A rollback on a connection that is gone has words of its own.
  expect(error).toBeInstanceOf(Error)
}

describe.each(Object.entries(builders))('%s', (name, open) => {
  describeSuite('a transaction', (h) => {
    const builder = useBuilder(h, open)
    const created = async (): Promise<string> => {
      const queue = h.queue()
      await h.client.queues.create(queue)
      return queue
    }
    const count = async (queue: string): Promise<number> => (await places(h, queue)).queue

    it('commits its jobs, and not before', async () => {
      const queue = await created()
      await builder().transaction(async (executor) => {
        const { id } = await h.client.with(executor).enqueue(queue, { n: 1 }, { headers: { tenant: 'acme ? $1' } })
        expect(id).toBe('1')
        expect(await count(queue)).toBe(0)
      })
      const [row] = await rows(h, `q_${queue}`)
      expect(row).toMatchObject({ message: { n: 1 }, headers: { tenant: 'acme ? $1' } })
    })

    it('rolls its jobs back', async () => {
      const queue = await created()
      await undo(builder(), (executor) => h.client.with(executor).enqueue(queue, { n: 1 }))
      expect(await count(queue)).toBe(0)
    })

    it('shares its connection with the builder’s own statements', async () => {
      const queue = await created()
      await h.sql(`create table of_${queue} (n int)`)
      await builder().transaction(async (executor, query) => {
        await query(`insert into of_${queue} values (7)`)
        expect(await executor.query(`select n::text n, $1::text::int::text m from of_${queue}`, [8])).toEqual([
          { n: '7', m: '8' },
        ])
      })
    })

    it('takes jobs for a queue that does not exist yet, which is created beside it', async () => {
      const queue = h.queue()
      await builder().transaction((executor) => h.client.with(executor).enqueue(queue, { n: 1 }))
      expect(await places(h, queue)).toEqual({ queue: 1, archive: 0, dlq: 0 })
      const other = h.queue()
      await undo(builder(), (executor) => h.client.with(executor).enqueue(other, { n: 1 }))
      expect(await places(h, other)).toEqual({ queue: 0, archive: 0, dlq: 0 })
    })

    it('creates a queue of its own, and lists and drops it', async () => {
      const queue = h.queue()
      await undo(builder(), async (executor) => {
        await executor.query('select from pgmq.create($1::text)', [queue])
        const client = h.client.with(executor)
        await client.enqueue(queue, { n: 1 })
        expect((await client.queues.metrics(queue)).length).toBe(1)
        expect((await client.queues.list()).map(({ name }) => name)).toContain(queue)
        expect(await client.queues.drop(queue)).toBe(true)
      })
      expect(await h.sql('select to_regclass($1)::text q', [`pgmq.q_${queue}`])).toEqual([{ q: null }])
    })

    it('keeps bodies and headers as they are', async () => {
      const queue = await created()
      await builder().transaction((executor) => h.client.with(executor).enqueue(queue, NASTY, { headers: NASTY }))
      const stored = JSON.parse(JSON.stringify(NASTY)) as unknown
      expect((await rows(h, `q_${queue}`))[0]).toMatchObject({ message: stored, headers: stored })
      await builder().transaction(async (executor) => {
        const message = await h.client.with(executor).dequeue(queue)
        expect([message?.body, message?.headers]).toEqual([stored, stored])
      })
    })

    it('enqueues many in order, and concurrently', async () => {
      const queue = await created()
      await builder().transaction(async (executor) => {
        const client = h.client.with(executor)
        await client.enqueueMany(
          queue,
          Array.from({ length: 1000 }, (_, n) => ({ n })),
        )
        await Promise.all([1000, 1001, 1002].map((n) => client.enqueue(queue, { n })))
      })
      expect((await rows(h, `q_${queue}`)).map(({ message }) => message.n)).toEqual([...Array(1003).keys()])
    })

    it('leases and archives, or neither', async () => {
      const queue = await created()
      await h.client.enqueueMany(queue, [{ n: 1 }, { n: 2 }])
      await undo(builder(), async (executor) => {
        const client = h.client.with(executor)
        const message = await client.dequeue(queue)
        expect(await client.archive(message as NonNullable<typeof message>)).toBe(true)
      })
      expect(await places(h, queue)).toEqual({ queue: 2, archive: 0, dlq: 0 })
      await builder().transaction(async (executor) => {
        const client = h.client.with(executor)
        const messages = await client.dequeueMany(queue, { limit: 2 })
        expect(messages.map(({ body, readCount }) => [body, readCount])).toEqual([
          [{ n: 1 }, 1],
          [{ n: 2 }, 1],
        ])
        expect(await client.archiveMany(messages)).toHaveLength(2)
        expect((await client.queues.archived(queue)).items.map(({ body }) => body)).toEqual([{ n: 1 }, { n: 2 }])
      })
      expect(await places(h, queue)).toEqual({ queue: 0, archive: 2, dlq: 0 })
    })

    it('completes a worker’s job together with its effect', async () => {
      const task = defineTask({
        name: 'pay',
        queue: h.queue(),
        input: unchecked<{ n: number }>(),
        retry: { backoff: () => 0 },
      })
      await h.sql(`create table of_${task.queue} (n int)`)
      await h.client.enqueue(task, { n: 1 })
      await using worker = createWorker({
        client: h.client,
        tasks: { task },
        handlers: {
          task: ({ n }, { attempt, completeWith }) =>
            builder().transaction(async (executor, query) => {
              await query(`insert into of_${task.queue} values (${n})`)
              await completeWith(executor)
              if (attempt === 1) throw new Error('rolled back')
            }),
        },
        pollIntervalMs: 100,
      })
      await worker.start()
      await until('the archive', async () => (await places(h, task.queue)).archive)
      expect(await h.sql(`select n from of_${task.queue}`)).toEqual([{ n: 1 }])
      expect((await rows(h, `a_${task.queue}`))[0]?.read_ct).toBe(2)
    })

    it('takes a savepoint of it for a transaction', async ({ skip }) => {
      skip(name === 'the shape of Prisma', 'the shape of Prisma has no savepoints')
      const queue = await created()
      const enqueue = (n: number) => (executor: SqlExecutor) => h.client.with(executor).enqueue(queue, { n })
      await builder().nested?.(enqueue(1), enqueue(2))
      expect((await rows(h, `q_${queue}`)).map(({ message }) => message.n)).toEqual([1])
    })

    // ── Placeholders ──────────────────────────────────────────────────────────────────────────────

    it.each<[string, (string | number | null)[], Record<string, string | null>]>([
      ['select $2::text b, $1::text a, $2::text c', ['1', '2'], { a: '1', b: '2', c: '2' }],
      [`select '$1 ? ?? $2' a, 'it''s ? $1' b, $1::text "c?"`, ['x'], { a: '$1 ? ?? $2', b: `it's ? $1`, 'c?': 'x' }],
      [
        `select E'\\'$1?' a, $$ $1 ? $$ b, $a$ $1 $$ ? $a$ c, $1::text d`,
        ['x'],
        { a: `'$1?`, b: ' $1 ? ', c: ' $1 $$ ? ', d: 'x' },
      ],
      [
        `select ($1::text::jsonb ? 'k')::text a, ('{"k":1}'::jsonb ?| array[$2::text])::text b`,
        ['{}', 'k'],
        { a: 'false', b: 'true' },
      ],
      [`select ('{"k":1}'::jsonb ?$1::text)::text a -- $1 ?\n/* ' $1 ? */`, ['k'], { a: 'true' }],
      ['select $1::text a, $2::text b, $3::text c', [42, 1.5, null], { a: '42', b: '1.5', c: null }],
      [`select '1'::text::int::text a$1, $1::text b`, ['2'], { a$1: '1', b: '2' }],
      [`select $10::text a, $1::text b`, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], { a: '10', b: '1' }],
    ])('runs %s', async (text, params, row) => {
      // Each parameter must be used, or the server cannot tell its type.
      const used = params.map((_param, i) => `$${i + 1}::text`).join()
      await builder().transaction(async (executor) => {
        expect(await executor.query(`with used as (select ${used}) ${text}`, params)).toEqual([row])
      })
    })

    // ── Errors ────────────────────────────────────────────────────────────────────────────────────

    it.each([
      ['42P01', 'select secret from nowhere where $1::text is null', 'relation "nowhere" does not exist'],
      ['42703', 'select nope where $1::text is null', 'column "nope" does not exist'],
      ['42883', 'select nope($1::text)', 'function nope(text) does not exist'],
      ['22P02', 'select $1::text::int', 'invalid input syntax for type integer: "secret"'],
      [
        '23505',
        `with used as (select $1::text) insert into twice select 1 from generate_series(1, 2)`,
        'duplicate key value violates unique constraint "twice_pkey"',
      ],
      ['P0001', `select raise('P0001', $1)`, 'secret'],
      ['40001', `select raise('40001', $1)`, 'secret'],
      ['42501', `select raise('42501', $1)`, 'secret'],
    ])('rejects with %s and the server’s words alone', async (code, text, message) => {
      await h.sql('create table if not exists twice (n int primary key)')
      await h.sql(`create or replace function raise(c text, m text) returns void language plpgsql as
        $$ begin raise exception '%', m using errcode = c; end $$`)
      await undo(builder(), async (executor) => {
        expect(await rejection(executor.query(text, ['secret']))).toMatchObject({ code, message })
        expect(await rejection(executor.query('select 1::text one', []))).toMatchObject({ code: '25P02' })
      })
    })

    it('ends in the client’s own errors', async () => {
      const [queue, strict] = [await created(), h.clientWith({ createQueues: false })]
      await builder().transaction(async (executor, query) => {
        await refusal(strict.with(executor).enqueue(h.queue(), { n: 1 }), 'QUEUE_NOT_FOUND')
        await refusal(h.client.with(executor).dequeue(h.queue()), 'QUEUE_NOT_FOUND')
        await query('select 1')
      })
      await h.client.enqueue(queue, { n: 1 })
      await h.sql('select pgmq.drop_queue($1)', [queue])
      await undo(builder(), async (executor) => {
        const error = await refusal(h.client.with(executor).enqueue(queue, { n: 2 }), 'QUEUE_NOT_FOUND')
        expect(error.message).toContain('It was dropped meanwhile')
      })
    })

    it('rejects with what is known when its connection ends', async ({ skip }) => {
      const reason =
        'postgres throws where nobody can catch it when a transaction is rolled back on a connection that is gone'
      skip(name === 'Drizzle over postgres', reason)
      await undo(builder(), async (executor) => {
        const error = (await rejection(
          executor.query('select pg_terminate_backend(pg_backend_pid())::text t', []),
        )) as {
          code?: string
          sent?: boolean
        }
        expect(error.code === '57P01' || (error.code === undefined && error.sent === true)).toBe(true)
        const next = (await rejection(executor.query('select 1::text one', []))) as typeof error
        expect(next.code).toBeUndefined()
        expect(next.sent).toBeTypeOf('boolean')
      })
    })

    it('rejects a statement without its parameter', async () => {
      await undo(builder(), async (executor) => {
        const text = 'select $1::text a'
        expect(await rejection(executor.query(text, []))).toMatchObject({ message: 'there is no parameter $1' })
      })
    })

    // ── Limits ────────────────────────────────────────────────────────────────────────────────────

    it('gives a statement up after its time, and sends nothing more', async () => {
      const queue = await created()
      await undo(builder(), async (executor) => {
        await h.client.with(executor).enqueue(queue, { n: 1 })
        const slow = executor.query('select pg_sleep(0.3)::text s', [], { timeoutMs: 50 })
        const waiting = executor.query('select 1::text one', [])
        expect(await rejection(slow)).toMatchObject({ sent: true, message: 'no reply within 50 ms' })
        const refused = { sent: false, message: expect.stringContaining('no reply within 50 ms: roll it back') }
        expect(await rejection(waiting)).toMatchObject(refused)
        expect(await rejection(executor.query('select 1::text one', []))).toMatchObject(refused)
      })
      expect(await count(queue)).toBe(0)
    })

    it('leaves a transaction alone whose statement was given up before it was sent', async () => {
      await builder().transaction(async (executor) => {
        const signal = AbortSignal.abort(new Error('enough'))
        const aborted = await rejection(executor.query('select 1::text one', [], { signal }))
        expect(aborted).toMatchObject({
          sent: false,
          message: 'no reply before the abort',
          cause: { message: 'enough' },
        })
        const [slow, waiting] = [
          executor.query('select pg_sleep(0.2)::text s', []),
          rejection(executor.query('select 1::text one', [], { timeoutMs: 50 })),
        ]
        expect(await waiting).toMatchObject({ sent: false })
        await slow
        expect(
          await executor.query('select 1::text one', [], { timeoutMs: 5000, signal: new AbortController().signal }),
        ).toEqual([{ one: '1' }])
      })
    })

    it('refuses a pool', () => {
      expect(() => builder().onPool()).toThrow(TypeError)
      expect(() => builder().onPool()).toThrow(
        /^from\w+ takes the \w+ of .* each statement may run on another connection$/,
      )
    })
  })

  // ── Settings of the user's ────────────────────────────────────────────────────────────────────────

  describeSuite('hostile settings', (h) => {
    const builder = useBuilder(h, open, true)
    const { setTypeParser } = pg.types
    const changed = [16, 20, 23, 114, 1184, 3802].map((oid) => [oid, pg.types.getTypeParser(oid)] as const)
    beforeAll(() => {
      for (const [oid] of changed) setTypeParser(oid, (text: string) => ({ parsed: text }))
    })
    afterAll(() => {
      for (const [oid, parser] of changed) setTypeParser(oid, parser)
    })

    it('change nothing', async () => {
      const task = defineTask({ name: 'ping', queue: h.queue(), input: unchecked<JsonObject>(), version: 2 })
      const strict = h.clientWith({ createQueues: false })
      await h.client.queues.create(task.queue)
      await builder().transaction(async (executor) => {
        const client = strict.with(executor)
        const { id } = await client.enqueue(
          task,
          { nested_key: { inner_key: [1] } },
          { headers: { some_header: true } },
        )
        const message = await client.dequeue(task.queue)
        expect(message).toMatchObject({
          id,
          body: { task: 'ping', nested_key: { inner_key: [1] } },
          headers: { some_header: true, 'x-job-version': 2 },
          readCount: 1,
        })
        expect(message?.enqueuedAt.getTime()).toBeGreaterThan(1.7e12)
        expect(await client.archive(message as NonNullable<typeof message>)).toBe(true)
      })
      const left = `select count(*)::text n from pgmq.q_${task.queue}`
      expect(await h.sql(left)).toEqual([{ n: '0' }])
    })

    it('change no names and no nulls', async () => {
      await builder().transaction(async (executor) => {
        const text = 'select $1::text last_read_at, null::text "some_Null", 1::text "?column?", 2::text x'
        expect(await executor.query(text, ['{"a_b":1}'])).toEqual([
          { last_read_at: '{"a_b":1}', some_Null: null, '?column?': '1', x: '2' },
        ])
      })
    })
  })
})

// ── What cannot work ────────────────────────────────────────────────────────────────────────────────

describeSuite('a type parser for text', (h) => {
  const TEXT = 25
  const parser = pg.types.getTypeParser(TEXT)
  beforeAll(() =>
    pg.types.setTypeParser(TEXT, (text: string) => (/^[\d{[]|true|false/.test(text) ? JSON.parse(text) : text)),
  )
  afterAll(() => pg.types.setTypeParser(TEXT, parser))

  it.each(['Kysely', 'Drizzle over pg', 'the shape of Prisma'])('is refused, and rolls back (%s)', async (name) => {
    const builder = (builders[name] as Open)(h.url)
    const queue = h.queue()
    await h.client.queues.create(queue)
    const error = await refusal(
      builder.transaction((executor) => h.client.with(executor).enqueue(queue, { n: 1 })),
      'OUTCOME_UNKNOWN',
    )
    expect(error.message).toContain('column "ids" came as number instead of text: a type parser for text,')
    expect((await places(h, queue)).queue).toBe(0)
    await builder.close()
  })

  it.each(['Knex', 'Drizzle over postgres'])('is passed by (%s)', async (name) => {
    const builder = (builders[name] as Open)(h.url)
    const queue = h.queue()
    await builder.transaction((executor) => h.client.with(executor).enqueue(queue, { n: 1 }))
    expect((await places(h, queue)).queue).toBe(1)
    await builder.close()
  })
})

describeSuite('a transaction that has ended', (h) => {
  it.each(['Kysely', 'Knex', 'the shape of Prisma'])('is sent nothing (%s)', async (name) => {
    const builder = (builders[name] as Open)(h.url)
    const kept = await builder.transaction(async (executor) => executor)
    const error = await refusal(h.client.with(kept).enqueue('never', { n: 1 }), 'CONNECTION_LOST')
    expect(error.message).toContain('ransaction')
    await builder.close()
  })
})

describe('what is no transaction', () => {
  it.each<[string, (value: never) => unknown]>([
    ['fromKysely', fromKysely],
    ['fromKnex', fromKnex],
    ['fromDrizzle', (value) => fromDrizzle(value, () => undefined)],
    ['fromPrisma', fromPrisma],
  ])('is refused by %s', (_name, from) => {
    for (const value of [undefined, null, {}, 'postgres://localhost', () => undefined])
      expect(() => from(value as never)).toThrow(TypeError)
  })

  it('is Drizzle without its tag', () => {
    const tx = { execute: () => Promise.resolve(), rollback: () => undefined as never }
    expect(() => fromDrizzle(tx, undefined as never)).toThrow("import { sql } from 'drizzle-orm'")
  })
})

describe('a result', () => {
  const over = (result: unknown) => fromPrisma({ $queryRawUnsafe: () => Promise.resolve(result) })

  it.each<[unknown, string]>([
    [undefined, 'the result has no rows'],
    [{ affected: 1 }, 'the result has no rows'],
    [[['1']], 'a row is no object'],
    [[{ unheardOf: '1' }], 'a column came as "unheardOf"'],
    [[{ a: 1n }], 'column "a" came as bigint instead of text'],
    [[{ a: new Date() }], 'column "a" came as object instead of text'],
  ])('that is none of rows of text is refused (%#)', async (result, what) => {
    const error = await rejection(over(result).query('select 1::text a', []))
    expect(error).toMatchObject({ sent: true, message: expect.stringContaining(`${what}: a type parser for text,`) })
  })

  it('has the names of the statement, whatever became of them', async () => {
    const text = 'select read_ct::text "readCt", msg_id::text, 1::text as enqueued from t'
    const rows = await over([{ readCt: '1', MSG_ID: '2', Enqueued: undefined }]).query(text, [])
    expect(rows).toEqual([{ readCt: '1', msg_id: '2', enqueued: null }])
  })
})

describe('an error of Prisma’s', () => {
  const over = (error: unknown) =>
    fromPrisma({
      $queryRawUnsafe: async () => {
        throw error
      },
    })
  const known = (code: string, meta: object) =>
    Object.assign(new Error('\nInvalid `prisma.$queryRawUnsafe()` invocation:\n\n\nIt failed.'), { code, meta })

  it('has its SQLSTATE in `meta` before Prisma 7', async () => {
    const error = known('P2010', { code: '42P01', message: 'relation "t" does not exist' })
    expect(await rejection(over(error).query('select', []))).toMatchObject({
      code: '42P01',
      message: 'relation "t" does not exist',
      cause: error,
    })
  })

  it.each<[string, unknown, boolean]>([
    ['a transaction that ended', known('P2028', {}), false],
    ['a server that hung up', known('P1017', {}), true],
    ['a query that it could not read', known('P2010', {}), true],
    ['a dead connection', new Error('Client has encountered a connection error and is not queryable'), false],
    ['a pipe that broke', Object.assign(new Error('write EPIPE'), { code: 'EPIPE', errno: -32 }), true],
    ['nothing that it knows', 'oops', true],
  ])('never passes its own code for a SQLSTATE: %s', async (_what, error, sent) => {
    const rejected = await rejection(over(error).query('select', []))
    expect(rejected).toMatchObject({ sent, cause: error })
    expect(rejected).not.toHaveProperty('code')
    expect(String(rejected)).not.toContain('\n')
  })
})
