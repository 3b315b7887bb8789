import {
  type DeadLetter,
  type DeadLetterFilter,
  defineTask,
  type JsonValue,
  type Message,
  type Page,
  PermanentError,
  unchecked,
} from '@pgmq/core'
import { expect, it } from 'vitest'
import { listen } from './support/connection.js'
import { describeSuite } from './support/harness.js'
import { places, rows } from './support/look.js'
import { refusal, rejection } from './support/refusal.js'
import { until } from './support/until.js'

describeSuite('dead letters', (h) => {
  /** Fails `bodies` for good, each with its own error. */
  async function bury(bodies: readonly object[], headers?: Record<string, string>): Promise<string> {
    const queue = h.queue()
    for (const [n, body] of bodies.entries()) {
      await h.client.enqueue(queue, { ...body }, headers ? { headers } : {})
      const message = await h.client.dequeue(queue)
      await h.client.processWithRetry(message as NonNullable<typeof message>, () => {
        throw new PermanentError(`error ${n}`)
      })
    }
    return queue
  }

  it('carry where they come from, why, and the whole message', async () => {
    const queue = await bury([{ task: 'ping', n: 1 }], { tenant: 'acme' })
    const [letter] = (await h.client.deadLetters.list(queue)).items
    expect(letter).toEqual({
      queue: `${queue}_dlq`,
      id: '1',
      originalQueue: queue,
      originalId: '1',
      error: 'error 0',
      reason: 'permanent',
      retryCount: 0,
      failedAt: expect.any(Date),
      body: { task: 'ping', n: 1 },
      headers: { tenant: 'acme' },
    })
  })

  it('come back with body and headers as they were', async () => {
    const queue = await bury([{ n: 1 }], { tenant: 'acme' })
    expect(await h.client.deadLetters.redrive(queue, {})).toEqual({ redriven: 1 })
    expect(await rows(h, `q_${queue}`)).toMatchObject([{ message: { n: 1 }, headers: { tenant: 'acme' }, read_ct: 0 }])
    expect((await places(h, queue)).dlq).toBe(0)
  })

  it.each(['[1, 2]', '"text"', 'null', '{"x-job-ended": 1e99, "x-job-alone": -4, "mine": 1}'])(
    'keep the foreign headers %s through failure and redrive',
    async (headers) => {
      const queue = h.queue()
      await h.client.queues.create(queue)
      await h.sql('select pgmq.send($1, $2::jsonb, $3::jsonb)', [queue, '{"n": 1}', headers])
      const fail = async (error: Error): Promise<void> => {
        const message = await h.client.dequeue(queue)
        await h.client.processWithRetry(message as NonNullable<typeof message>, () => {
          throw error
        })
      }
      await fail(new Error('at first'))
      await fail(new PermanentError('for good'))
      await h.client.deadLetters.redrive(queue, {})
      const expected = headers.startsWith('{') ? { mine: 1 } : (JSON.parse(headers) as unknown)
      expect((await rows(h, `q_${queue}`))[0]?.headers).toEqual(expected)
    },
  )

  it('come back edited', async () => {
    const queue = await bury([{ email: 'wrong' }])
    await h.client.deadLetters.redrive(
      queue,
      { ids: ['1'] },
      { edit: (body) => ({ ...(body as object), email: 'right' }) },
    )
    expect((await rows(h, `q_${queue}`))[0]?.message).toEqual({ email: 'right' })
  })

  it('are found, redriven and purged by task, error, reason and id, page by page', async () => {
    const queue = await bury([{ task: 'a' }, { task: 'b' }, { task: 'a' }])
    const { deadLetters } = h.client
    expect((await deadLetters.list(queue, { task: 'a' })).items.map(({ id }) => id)).toEqual(['1', '3'])
    expect((await deadLetters.list(queue, { errorContains: 'or 1' })).items.map(({ id }) => id)).toEqual(['2'])
    expect((await deadLetters.list(queue, { reason: 'timed_out' })).items).toEqual([])
    const first = await deadLetters.list(queue, { limit: 2 })
    expect(
      (await deadLetters.list(queue, { limit: 2, after: first.nextCursor ?? '' })).items.map(({ id }) => id),
    ).toEqual(['3'])
    expect(await deadLetters.redrive(queue, { ids: ['2'] })).toEqual({ redriven: 1 })
    expect(await deadLetters.purge(queue, { failedBefore: new Date(0) })).toBe(0)
    expect(await deadLetters.purge(queue, { task: 'a' })).toBe(2)
    expect(await places(h, queue)).toEqual({ queue: 1, archive: 0, dlq: 0 })
  })

  it('of other writers, without the message itself, are listed and stay', async () => {
    const queue = h.queue()
    await h.client.queues.create(queue)
    await h.sql('select pgmq.send($1, $2::jsonb)', [
      `${queue}_dlq`,
      JSON.stringify({ error: 'old', original_queue: queue }),
    ])
    expect((await h.client.deadLetters.list(queue)).items[0]).toMatchObject({
      error: 'old',
      originalQueue: queue,
      body: null,
    })
    expect(await h.client.deadLetters.redrive(queue, {})).toEqual({ redriven: 0 })
    expect((await places(h, queue)).dlq).toBe(1)
  })

  it('are moved once by two who redrive at the same time', async () => {
    const queue = await bury(Array.from({ length: 20 }, (_, n) => ({ n })))
    const both = await Promise.all([h.client.deadLetters.redrive(queue, {}), h.client.deadLetters.redrive(queue, {})])
    expect(both[0].redriven + both[1].redriven).toBe(20)
    expect(await places(h, queue)).toEqual({ queue: 20, archive: 0, dlq: 0 })
  })

  it('hold error texts that jsonb refuses, and long ones, cut between code points', async () => {
    const queue = h.queue()
    await h.client.enqueue(queue, { n: 1 })
    const message = await h.client.dequeue(queue)
    await h.client.processWithRetry(message as NonNullable<typeof message>, () => {
      throw new PermanentError(`a\u0000b\ud800c ${'𝒳'.repeat(5_000)}`)
    })
    const error = (await h.client.deadLetters.list(queue)).items[0]?.error ?? ''
    expect(error.startsWith('a\ufffdb\ufffdc 𝒳')).toBe(true)
    expect(new TextEncoder().encode(error).length).toBeLessThanOrEqual(4_096)
    expect(error.endsWith('𝒳')).toBe(true)
  })

  /** Letters as this library writes them, `failed_at` one a day from the first of January 2026. */
  async function letters(count: number): Promise<string> {
    const queue = h.queue()
    await h.client.queues.create(queue)
    await h.sql(
      `insert into pgmq.q_${queue}_dlq (vt, message, headers)
      select now(), jsonb_build_object('original_queue', $1::text, 'original_msg_id', n::text, 'error', 'error ' || n,
        'message', jsonb_build_object('task', 'task_' || n % 2, 'n', n), 'retry_count', 3, 'reason', 'retries_exhausted',
        'failed_at', to_char(timestamp '2026-01-01' + (n - 1) * interval '1 day', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')), null
      from generate_series(1, $2::int) n`,
      [queue, count],
    )
    return queue
  }
  const ids = async (queue: string, filter: DeadLetterFilter): Promise<string[]> =>
    (await h.client.deadLetters.list(queue, filter)).items.map(({ id }) => id)

  it.each<[DeadLetterFilter, string[]]>([
    [{}, ['1', '2', '3', '4']],
    [{ ids: ['4', '2', '99'] }, ['2', '4']],
    [{ ids: [] }, []],
    [{ task: 'task_0' }, ['2', '4']],
    [{ errorContains: 'error 3' }, ['3']],
    [{ errorContains: '%' }, []],
    [{ errorContains: "' or true --" }, []],
    [{ reason: 'retries_exhausted' }, ['1', '2', '3', '4']],
    [{ reason: 'permanent' }, []],
    [{ failedAfter: new Date('2026-01-02T00:00:00Z') }, ['3', '4']],
    [{ failedBefore: new Date('2026-01-02T00:00:00Z') }, ['1']],
    [{ failedAfter: new Date('2026-01-01T12:00:00Z'), failedBefore: new Date('2026-01-03T12:00:00Z') }, ['2', '3']],
    [{ task: 'task_0', errorContains: '4', ids: ['1', '4'] }, ['4']],
  ])('are found by %j', async (filter, expected) => {
    expect(await ids(await letters(4), filter)).toEqual(expected)
  })

  it('are found, all of them, page by page', async () => {
    const queue = await letters(5)
    const seen: string[][] = []
    for (let after: string | null = '0'; after !== null; ) {
      const page: Page<DeadLetter> = await h.client.deadLetters.list(queue, { after, limit: 2 })
      seen.push(page.items.map(({ id }) => id))
      after = page.nextCursor
    }
    expect(seen).toEqual([['1', '2'], ['3', '4'], ['5']])
  })

  it.each<[string, object]>([
    ['limit', { limit: 0 }],
    ['after', { after: 'x' }],
    ['ids', { ids: ['1; drop'] }],
    ['failedAfter', { failedAfter: new Date('x') }],
    ['failedBefore', { failedBefore: '2026-01-01' }],
  ])('are not looked for by a bad %s', async (field, filter) => {
    const queue = await letters(1)
    const error = await refusal(h.client.deadLetters.list(queue, filter), 'CONFIGURATION_INVALID')
    expect(error.details.field).toBe(field === 'ids' || field === 'after' ? 'id' : field)
  })

  it('come back once, though they die again meanwhile', async () => {
    const queue = await letters(150)
    const edit = async (body: JsonValue): Promise<JsonValue> => {
      await h.sql(`insert into pgmq.q_${queue}_dlq (vt, message) values (now(), '{"message": {"again": true}}')`)
      return body
    }
    expect(await h.client.deadLetters.redrive(queue, {}, { edit })).toEqual({ redriven: 150 })
    expect(await places(h, queue)).toEqual({ queue: 150, archive: 0, dlq: 150 })
  })

  it.each<[string, string[]]>([
    ['2026-01-01T00:00:00.500000+00:00', ['failedBefore']],
    ['2026-01-01T00:00:00Z', ['failedBefore']],
    ['2026-01-01T00:00:01Z', []],
    ['2026-01-01T00:00:01.000+00:00', []],
    ['2026-01-01T00:00:01.0000001Z', ['failedAfter']],
    ['2026-01-01T02:00:00+02:00', []],
    ['2026-01-01 00:00:00', []],
    ['9', []],
    ['', []],
  ])('that failed at %j, as another writer puts it, are found by time only where that is plain', async (at, found) => {
    const queue = await letters(0)
    await h.sql(
      `insert into pgmq.q_${queue}_dlq (vt, message) values (now(), jsonb_build_object('failed_at', $1::text))`,
      [at],
    )
    const second = new Date('2026-01-01T00:00:01Z')
    const matching: string[] = []
    for (const filter of [{ failedBefore: second }, { failedAfter: second }])
      if ((await ids(queue, filter)).length > 0) matching.push(...Object.keys(filter))
    expect(matching).toEqual(found)
  })

  it.each<[string, number]>([
    ['{"retry_count": "many", "failed_at": "yesterday"}', 0],
    ['{"retry_count": -1, "failed_at": 1767225600}', 0],
    ['{"retry_count": {}, "failed_at": "2026-13-45T00:00:00Z"}', 0],
    ['{"retry_count": "2"}', 2],
    ['[1]', 0],
  ])('such as %s are listed by what they lack: no retries, and the time of the letter', async (letter, retryCount) => {
    const queue = await letters(0)
    await h.sql('select pgmq.send($1, $2::jsonb)', [`${queue}_dlq`, letter])
    const [row] = await h.sql<{ enqueued_at: Date }>(`select enqueued_at from pgmq.q_${queue}_dlq`)
    const [listed] = (await h.client.deadLetters.list(queue)).items
    expect(listed?.retryCount).toBe(retryCount)
    expect(Math.floor(listed?.failedAt.getTime() ?? 0)).toBe(row?.enqueued_at.getTime())
  })

  it.each(['ids', 'task', 'errorContains', 'reason', 'failedAfter', 'failedBefore', 'filter'])(
    'are neither purged nor redriven by an undefined %s, which would mean all of them',
    async (field) => {
      const queue = await letters(1)
      const filter = (field === 'filter' ? undefined : { [field]: undefined }) as DeadLetterFilter
      for (const verb of ['purge', 'redrive'] as const) {
        const error = await refusal(h.client.deadLetters[verb](queue, filter), 'CONFIGURATION_INVALID')
        expect(error.details).toEqual({ field })
      }
      expect((await places(h, queue)).dlq).toBe(1)
    },
  )

  it('come back in their order, however many', async () => {
    const queue = await letters(250)
    expect(await h.client.deadLetters.redrive(queue, {})).toEqual({ redriven: 250 })
    expect((await rows(h, `q_${queue}`)).map(({ message }) => message.n)).toEqual(
      Array.from({ length: 250 }, (_, i) => i + 1),
    )
    expect((await places(h, queue)).dlq).toBe(0)
  })

  it('come back without headers where the message had none', async () => {
    const queue = await bury([{ n: 1 }])
    await h.client.deadLetters.redrive(queue, {})
    expect((await rows(h, `q_${queue}`))[0]?.headers).toBeNull()
  })

  it('come back with the version of their task, and no counters', async () => {
    const task = defineTask({ name: 'ping', queue: h.queue(), input: unchecked<{ n: number }>(), version: 2 })
    await h.client.enqueue(task, { n: 1 })
    const options = { retry: { maxRetries: 1 } }
    for (let attempt = 0; attempt < 2; attempt++) {
      const message = await h.client.dequeue(task.queue)
      await h.client.processWithRetry(message as Message, () => Promise.reject(new Error('no')), options)
    }
    await h.client.deadLetters.redrive(task.queue, {})
    expect((await rows(h, `q_${task.queue}`))[0]).toMatchObject({ read_ct: 0, headers: { 'x-job-version': 2 } })
    expect(Object.keys((await rows(h, `q_${task.queue}`))[0]?.headers ?? {})).toEqual(['x-job-version'])
  })

  it('wake listeners of the queue that they come back to', async () => {
    const queue = await letters(3)
    const heard = await listen(h, `pgmq.q_${queue}.INSERT`)
    await h.client.deadLetters.redrive(queue, {})
    await until('a notification', () => heard.payloads.length)
  })

  it('come back no faster than was asked', async () => {
    const queue = await letters(6)
    expect(await h.client.deadLetters.redrive(queue, {}, { perSecond: 4 })).toEqual({ redriven: 6 })
    const [span] = await h.sql<{ s: number }>(
      `select extract(epoch from max(enqueued_at) - min(enqueued_at))::float8 s from pgmq.q_${queue}`,
    )
    // Four at once, then the others once their second is over.
    expect(span?.s).toBeGreaterThan(0.95)
  })

  it.each([0, -1, Number.NaN])('come back at no rate of %d', async (perSecond) => {
    const queue = await letters(1)
    const error = await refusal(h.client.deadLetters.redrive(queue, {}, { perSecond }), 'CONFIGURATION_INVALID')
    expect(error.details).toEqual({ field: 'perSecond' })
    expect((await places(h, queue)).dlq).toBe(1)
  })

  it('stop coming back when the signal aborts, though a long pause lies ahead', async () => {
    const queue = await letters(3)
    const controller = new AbortController()
    const reason = new Error('enough')
    const edit = (body: JsonValue): JsonValue => {
      controller.abort(reason)
      return body
    }
    const options = { edit, perSecond: 0.01, signal: controller.signal }
    expect(await rejection(h.client.deadLetters.redrive(queue, {}, options))).toBe(reason)
    expect(await places(h, queue)).toEqual({ queue: 1, archive: 0, dlq: 2 })
  })

  it('show the editor all that is known of them', async () => {
    const queue = await letters(1)
    const seen: DeadLetter[] = []
    const edit = (body: JsonValue, letter: DeadLetter): JsonValue => {
      seen.push(letter)
      return [body, letter.error]
    }
    await h.client.deadLetters.redrive(queue, {}, { edit })
    expect(seen).toMatchObject([{ id: '1', originalId: '1', error: 'error 1', body: { task: 'task_1', n: 1 } }])
    expect((await rows(h, `q_${queue}`))[0]?.message).toEqual([{ task: 'task_1', n: 1 }, 'error 1'])
  })

  it('stay where they are when the edited body cannot be stored', async () => {
    const queue = await letters(2)
    const edit = (): JsonValue => 'a\u0000'
    const error = await refusal(h.client.deadLetters.redrive(queue, {}, { edit }), 'BODY_NOT_SERIALIZABLE')
    expect(error.message).toContain('body of letter 1 contains U+0000')
    expect((await places(h, queue)).dlq).toBe(2)
  })

  it.each(['["message"]', '"message"', '7', 'null', '{"error": "old", "original_queue": "q"}', '{"messages": 1}'])(
    'of other writers, such as %s, stay where they are',
    async (letter) => {
      const queue = await letters(1)
      await h.sql('select pgmq.send($1, $2::jsonb)', [`${queue}_dlq`, letter])
      expect(await ids(queue, {})).toEqual(['1', '2'])
      expect(await h.client.deadLetters.redrive(queue, {})).toEqual({ redriven: 1 })
      expect(await ids(queue, {})).toEqual(['2'])
      expect(await h.client.deadLetters.purge(queue, {})).toBe(1)
    },
  )

  it('are purged by the thousand', async () => {
    const queue = await letters(2_500)
    expect(await h.client.deadLetters.purge(queue, { task: 'task_0' })).toBe(1_250)
    expect(await h.client.deadLetters.purge(queue, { ids: [] })).toBe(0)
    expect(await h.client.deadLetters.purge(queue, {})).toBe(1_250)
  })

  it('are redriven and purged inside a transaction, if it commits', async () => {
    const queue = await letters(2)
    const rolledBack = h.transaction(async (tx) => {
      await h.client.with(tx).deadLetters.redrive(queue, { ids: ['1'] })
      await h.client.with(tx).deadLetters.purge(queue, { ids: ['2'] })
      throw new Error('no')
    })
    await expect(rolledBack).rejects.toThrow('no')
    expect(await places(h, queue)).toEqual({ queue: 0, archive: 0, dlq: 2 })
  })

  it('cannot be asked for where there is no dead-letter queue', async () => {
    const queue = h.queue()
    await h.sql('select pgmq.create($1)', [queue])
    for (const verb of ['list', 'redrive', 'purge'] as const)
      expect((await refusal(h.client.deadLetters[verb](queue, {}), 'QUEUE_NOT_FOUND')).message).toContain(
        `there is no queue "${queue}_dlq". Create it: await client.queues.create("${queue}_dlq")`,
      )
  })
})
