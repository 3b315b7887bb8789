import type { JsonObject, Lease, Message, MessageRef } from '@pgmq/core'
import { PermanentError } from '@pgmq/node-pg'
import { expect, it } from 'vitest'
import { begin } from './support/connection.js'
import { describeSuite } from './support/harness.js'
import { places, rows } from './support/look.js'
import { refusal, rejection } from './support/refusal.js'

const numbers = (count: number): { n: number }[] => Array.from({ length: count }, (_, n) => ({ n }))
const numberOf = (message: Message): unknown => (message.body as JsonObject).n

describeSuite('a lease', (h) => {
  async function filled(count: number): Promise<string> {
    const queue = h.queue()
    await h.client.enqueueMany(queue, numbers(count))
    return queue
  }
  async function leased(): Promise<{ queue: string; message: Message }> {
    const queue = await filled(1)
    return { queue, message: (await h.client.dequeue(queue)) as Message }
  }
  /** A message as another writer sends it. */
  async function sent(body: string | null, headers: string | null = null): Promise<string> {
    const queue = h.queue()
    await h.client.queues.create(queue)
    await h.sql('select pgmq.send($1::text, $2::jsonb, $3::jsonb)', [queue, body, headers])
    return queue
  }
  /** One column of a queue's only message, as PostgreSQL writes it. */
  const text = async (table: string, column: string): Promise<string | null | undefined> =>
    (await h.sql<{ value: string | null }>(`select ${column}::text "value" from pgmq.${table}`))[0]?.value

  // ── Taking ──────────────────────────────────────────────────────────────────────────────────────

  it('is not to be had on an empty queue', async () => {
    const queue = h.queue()
    await h.client.queues.create(queue)
    expect(await h.client.dequeue(queue)).toBeNull()
    expect(await h.client.dequeueMany(queue, { limit: 10 })).toEqual([])
  })

  it('shows the whole message', async () => {
    const queue = h.queue()
    const runAt = new Date('2020-02-02T02:02:02.222Z')
    await h.client.enqueue(queue, { n: 1 }, { runAt, headers: { tenant: 'acme' } })
    const [row] = await h.sql<{ enqueued_at: Date }>(`select enqueued_at from pgmq.q_${queue}`)
    const message = await h.client.dequeue(queue)
    expect(message).toEqual({
      queue,
      id: '1',
      body: { n: 1 },
      headers: { tenant: 'acme' },
      readCount: 1,
      enqueuedAt: expect.any(Date),
      dueAt: runAt,
      receipt: expect.any(String),
    })
    expect(Math.floor((message as Message).enqueuedAt.getTime())).toBe(row?.enqueued_at.getTime())
  })

  it('goes to what is due first, and of those to the lowest id', async () => {
    const queue = h.queue()
    const years = [2024, 2021, 2023, 2021, 2022]
    await h.client.enqueueMany(queue, numbers(5), (_body, i) => ({ runAt: new Date(`${years[i]}-01-01`) }))
    const first = await h.client.dequeueMany(queue, { limit: 3 })
    expect(first.map(numberOf)).toEqual([1, 3, 4])
    expect((await h.client.dequeueMany(queue, { limit: 10 })).map(numberOf)).toEqual([2, 0])
  })

  it('gives each message to one of many who ask at once', async () => {
    const queue = await filled(200)
    const other = h.clientWith({})
    const taken = await Promise.all(
      numbers(30).map(({ n }) => (n % 2 ? h.client : other).dequeueMany(queue, { limit: 10 })),
    )
    const left = await h.client.dequeueMany(queue, { limit: 200 })
    const ids = [...taken, left].flatMap((messages) => messages.map(({ id }) => id))
    expect(ids).toHaveLength(200)
    expect(new Set(ids).size).toBe(200)
  })

  it('hides a message until it runs out, and counts the next delivery', async () => {
    const queue = await filled(1)
    const first = await h.client.dequeue(queue, { visibilitySeconds: 0.3 })
    expect(await h.client.dequeue(queue)).toBeNull()
    const next = await h.client.dequeue(queue, { waitSeconds: 20 })
    expect([first?.readCount, next?.readCount]).toEqual([1, 2])
    expect(next?.receipt).not.toBe(first?.receipt)
  })

  it('lasts as long as the client says, where the call says nothing', async () => {
    const queue = await filled(1)
    await h.clientWith({ visibilitySeconds: 600 }).dequeue(queue)
    expect(await text(`q_${queue}`, 'round(extract(epoch from vt - last_read_at))')).toBe('600')
  })

  it('passes over rows that somebody has locked', async () => {
    const queue = await filled(3)
    const tx = await begin(h)
    await tx.query(`select from pgmq.q_${queue} where msg_id = 1 for update`)
    expect((await h.client.dequeueMany(queue, { limit: 3 })).map(({ id }) => id)).toEqual(['2', '3'])
  })

  it('is waited for, and taken as soon as a message arrives', async () => {
    const queue = h.queue()
    await h.client.queues.create(queue)
    const startedMs = performance.now()
    const waiting = h.client.dequeue(queue, { waitSeconds: 50 })
    await h.client.enqueue(queue, { n: 1 })
    expect((await waiting)?.body).toEqual({ n: 1 })
    expect(performance.now() - startedMs).toBeLessThan(10_000)
  })

  it('is waited for no longer than was asked', async () => {
    const queue = h.queue()
    await h.client.queues.create(queue)
    expect(await h.client.dequeue(queue, { waitSeconds: 0.2 })).toBeNull()
  })

  it('is no longer waited for when the signal aborts, before or meanwhile', async () => {
    const queue = h.queue()
    await h.client.queues.create(queue)
    const controller = new AbortController()
    const reason = new Error('enough')
    const waiting = rejection(h.client.dequeue(queue, { waitSeconds: 50, signal: controller.signal }))
    controller.abort(reason)
    expect(await waiting).toBe(reason)
    expect(await rejection(h.client.dequeue(queue, { signal: controller.signal }))).toBe(reason)
  })

  it('is refused at once when the signal aborts, though no connection is free, and given back once it is had', async () => {
    const queue = await filled(3)
    const pool = h.poolWith({ max: 1 })
    const client = h.clientWith({}, pool)
    const held = await pool.connect()
    const controller = new AbortController()
    const reason = new Error('enough')
    const leasing = rejection(client.dequeueMany(queue, { limit: 2, signal: controller.signal }))
    controller.abort(reason)
    expect(await leasing).toBe(reason)
    held.release()
    await client.close()
    const messages = await h.client.dequeueMany(queue, { limit: 3 })
    expect(messages.map(({ readCount, headers }) => [readCount, headers])).toEqual([
      [2, { 'x-job-ended': 1 }],
      [2, { 'x-job-ended': 1 }],
      [1, {}],
    ])
  })

  it('is no longer waited for when the client closes', async () => {
    const queue = h.queue()
    await h.client.queues.create(queue)
    const client = h.clientWith({})
    const waiting = rejection(client.dequeue(queue, { waitSeconds: 50 }))
    await client.close()
    expect(await waiting).toMatchObject({ code: 'CLIENT_CLOSED' })
  })

  it.each([
    ['limit', { limit: 0 }],
    ['limit', { limit: 1.5 }],
    ['limit', { limit: '10; drop' }],
    ['visibilitySeconds', { limit: 1, visibilitySeconds: 0 }],
    ['visibilitySeconds', { limit: 1, visibilitySeconds: Number.NaN }],
    ['visibilitySeconds', { limit: 1, visibilitySeconds: 1e12 }],
    ['waitSeconds', { limit: 1, waitSeconds: -1 }],
  ])('is refused with a bad %s: %j', async (field, options) => {
    const queue = await filled(1)
    const error = await refusal(h.client.dequeueMany(queue, options as { limit: number }), 'CONFIGURATION_INVALID')
    expect(error.details).toEqual({ field })
    expect((await rows(h, `q_${queue}`))[0]?.read_ct).toBe(0)
  })

  // ── Moving and ending ───────────────────────────────────────────────────────────────────────────

  it('moves its end either way', async () => {
    const { queue, message } = await leased()
    for (const seconds of [3600, 60]) {
      await h.client.setVisibility(message, seconds)
      const left = Number(await text(`q_${queue}`, 'extract(epoch from vt - now())'))
      expect(left).toBeGreaterThan(seconds - 30)
      expect(left).toBeLessThanOrEqual(seconds)
    }
  })

  it('gives a message its place back when it is released', async () => {
    const queue = await filled(3)
    const message = await h.client.dequeue(queue)
    await h.client.setVisibility(message as Message, 0)
    const again = await h.client.dequeueMany(queue, { limit: 3 })
    expect(again.map(({ id, readCount }) => [id, readCount])).toEqual([
      ['1', 2],
      ['2', 1],
      ['3', 1],
    ])
    expect(again[0]?.headers).toEqual({ 'x-job-ended': 1 })
  })

  it('ends on record when an operator sets the time of its message', async () => {
    const { queue, message } = await leased()
    expect(await h.client.setVisibility({ queue, id: message.id }, 0)).toBe(true)
    expect(await h.client.dequeue(queue)).toMatchObject({ readCount: 2, headers: { 'x-job-ended': 1 } })
  })

  it('is not noted where an operator sets the time of a message that nobody has', async () => {
    const queue = h.queue()
    await h.client.enqueue(queue, { n: 1 }, { delaySeconds: 3600 })
    expect(await h.client.setVisibility({ queue, id: '1' }, 0)).toBe(true)
    expect((await h.client.dequeue(queue))?.headers).toEqual({})
    expect(await h.client.setVisibility({ queue, id: '7' }, 0)).toBe(false)
  })

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY, '5', undefined])('cannot be moved by %j', async (seconds) => {
    const { queue, message } = await leased()
    const before = await text(`q_${queue}`, 'vt')
    const error = await refusal(h.client.setVisibility(message, seconds as number), 'CONFIGURATION_INVALID')
    expect(error.message).toContain(`seconds ${String(seconds)} is invalid`)
    expect(await text(`q_${queue}`, 'vt')).toBe(before)
  })

  it.each(['archive', 'delete'] as const)('is ended by an operator who may %s without it', async (verb) => {
    const { queue, message } = await leased()
    expect(await h.client[verb]({ queue, id: message.id })).toBe(true)
    expect(await h.client[verb](message)).toBe(false)
    expect(await h.client[verb]({ queue, id: message.id })).toBe(false)
    expect(await places(h, queue)).toEqual({ queue: 0, archive: verb === 'archive' ? 1 : 0, dlq: 0 })
  })

  it.each(['archiveMany', 'deleteMany'] as const)(
    '%s ends those of several queues that are there and ours',
    async (verb) => {
      const [one, two] = [await filled(3), await filled(2)]
      const [lost, held] = (await h.client.dequeueMany(one, { limit: 2 })) as [Message, Message]
      await h.client.setVisibility(lost, 0)
      const [first, second] = (await h.client.dequeueMany(two, { limit: 2 })) as [Message, Message]
      const ended = await h.client[verb]([second, { queue: one, id: '3' }, lost, { queue: two, id: '99' }, first, held])
      const ref = ({ queue, id }: MessageRef): MessageRef => ({ queue, id })
      expect([...ended].sort(byQueueAndId)).toEqual([ref(held), { queue: one, id: '3' }, ref(first), ref(second)])
      expect(await places(h, one)).toEqual({ queue: 1, archive: verb === 'archiveMany' ? 2 : 0, dlq: 0 })
      expect(await places(h, two)).toEqual({ queue: 0, archive: verb === 'archiveMany' ? 2 : 0, dlq: 0 })
      expect(await h.client[verb]([])).toEqual([])
    },
  )

  it.each(['archiveMany', 'deleteMany'] as const)('%s ends none where one of any queue is malformed', async (verb) => {
    const [one, two] = [await filled(1), await filled(1)]
    for (const bad of [{ id: 'x' }, { id: '1', receipt: 'x' }, { id: '1', receipt: undefined }])
      await refusal(
        h.client[verb]([
          { queue: one, id: '1' },
          { queue: two, ...bad },
        ]),
        'CONFIGURATION_INVALID',
      )
    await refusal(
      h.client[verb]([
        { queue: one, id: '1' },
        { queue: '', id: '1' },
      ]),
      'QUEUE_NAME_INVALID',
    )
    expect(await places(h, one)).toEqual({ queue: 1, archive: 0, dlq: 0 })
  })

  it.each(['archiveMany', 'deleteMany'] as const)(
    '%s names a message once, however often it was given',
    async (verb) => {
      const { queue, message } = await leased()
      expect(await h.client[verb]([message, message, { queue, id: message.id }, { queue, id: message.id }])).toEqual([
        { queue, id: message.id },
      ])
    },
  )

  it('whose message the archive cannot take, since it has another of the same id, ends with a warning', async () => {
    const lines: string[] = []
    const nothing = (): void => undefined
    const warn = (_fields: object, line: string): unknown => lines.push(line)
    const client = h.clientWith({ logger: { debug: nothing, info: nothing, warn, error: nothing } })
    const ends = [
      (message: Message) => client.archive(message),
      ({ queue, id }: Message) => client.archiveMany([{ queue, id }]),
      (message: Message) => client.processWithRetry(message, () => 'done'),
      (message: Message) =>
        client.processWithRetry(message, (_body, { completeWith }) => h.transaction((tx) => completeWith(tx))),
    ]
    for (const end of ends) {
      const { queue, message } = await leased()
      await h.sql(`insert into pgmq.a_${queue} (msg_id, vt, message) values (1, now(), '{}')`)
      await end(message)
      expect(lines.pop()).toContain(`1 finished messages of '${queue}' are not in its archive`)
    }
    expect(lines).toEqual([])
  })

  it('of thousands ends in one call', async () => {
    const queue = await filled(3_000)
    const messages = await h.client.dequeueMany(queue, { limit: 3_000 })
    expect(await h.client.archiveMany(messages)).toHaveLength(3_000)
    expect(await places(h, queue)).toEqual({ queue: 0, archive: 3_000, dlq: 0 })
  })

  it.each<[string, unknown]>([
    ['no text', { id: 1 }],
    ['a bigint', { id: 1n }],
    ['not in its shortest form', { id: '01' }],
    ['no number', { id: "1' or true" }],
    ['nothing', {}],
    ['above the largest', { id: '9223372036854775808' }],
  ])('and an operator need an id that is one: %s', async (_what, named) => {
    const queue = await filled(1)
    const ref = { queue, ...(named as object) } as MessageRef
    for (const call of [() => h.client.archive(ref), () => h.client.delete(ref), () => h.client.setVisibility(ref, 0)])
      expect((await refusal(call(), 'CONFIGURATION_INVALID')).details).toEqual({ field: 'id' })
    expect((await places(h, queue)).queue).toBe(1)
  })

  it.each(['2147483648-1', '1-9223372036854775808', '-1-1', '1', ' 1-1'])(
    'with the malformed receipt %j is refused, by every call',
    async (receipt) => {
      const { message } = await leased()
      const bad: Lease = { ...message, receipt }
      for (const call of [
        () => h.client.archive(bad),
        () => h.client.deleteMany([message, bad]),
        () => h.client.setVisibility(bad, 0),
        () => h.client.processWithRetry({ ...message, receipt }, () => 1),
      ])
        expect((await refusal(call(), 'CONFIGURATION_INVALID')).message).toMatch(
          /^receipt .* of message 1 is none that this library made\. Pass the message as it was leased, or leave "receipt" out/,
        )
      expect(await h.client.archive(message)).toBe(true)
    },
  )

  it.each([null, undefined, 'user_tasks', 7, 7n])('is refused where %s is given for a message', async (message) => {
    expect((await refusal(h.client.archive(message as never), 'CONFIGURATION_INVALID')).message).toContain(
      'names no message: pass { queue, id }',
    )
  })

  // ── Hostile sessions ────────────────────────────────────────────────────────────────────────────

  it.each([
    ['DateStyle', 'German, DMY'],
    ['DateStyle', 'SQL, MDY'],
    ['TimeZone', 'Asia/Kathmandu'],
    ['extra_float_digits', '-15'],
    ['extra_float_digits', '0'],
    ['IntervalStyle', 'sql_standard'],
    ['standard_conforming_strings', 'off'],
    ['search_path', ''],
    ['default_transaction_isolation', 'serializable'],
  ])('lives its whole life under %s = %j', async (setting, value) => {
    // pgmq's own functions do not compile under every one of them, so they are left to another session.
    const queue = h.queue()
    await h.client.queues.create(queue)
    const client = h.clientWith({}, h.poolWith({ options: `-c ${setting}=${value.replaceAll(' ', '\\ ')}` }))
    const runAt = new Date('2026-03-04T05:06:07.089Z')
    await client.enqueueMany(queue, numbers(20), { runAt, headers: { tenant: 'a\\b"c' } })
    await client.enqueue(queue, { n: 99 }, { delaySeconds: 3600 })
    const messages = await client.dequeueMany(queue, { limit: 30 })
    expect(messages.map(({ dueAt }) => dueAt)).toEqual(messages.map(() => runAt))
    const [retried, buried, released, moved, ...others] = messages as [Message, Message, Message, Message, ...Message[]]
    await client.processWithRetry(retried, () => Promise.reject(new Error('no')))
    await client.processWithRetry(buried, () => Promise.reject(new PermanentError('no')))
    expect(await client.setVisibility(released, 0)).toBe(true)
    expect(await client.setVisibility(moved, 60)).toBe(true)
    expect(await client.archiveMany([moved, ...others])).toHaveLength(17)
    expect(await client.deadLetters.redrive(queue, { failedAfter: new Date(0) })).toEqual({ redriven: 1 })
    const again = await client.dequeueMany(queue, { limit: 10 })
    expect(again.map(({ headers }) => headers.tenant)).toEqual(['a\\b"c', 'a\\b"c', 'a\\b"c'])
    expect(await client.deleteMany(again)).toHaveLength(3)
    expect((await client.queues.archived(queue)).items[0]?.dueAt.getTime()).toBeGreaterThan(runAt.getTime())
    expect(await h.client.queues.metrics(queue)).toMatchObject({ length: 1, visibleLength: 0 })
  })

  // ── What others wrote ───────────────────────────────────────────────────────────────────────────

  it.each<[string, string | null, unknown]>([
    ['a plain message', '{"n": 1}', { n: 1 }],
    ['an array', '[1, [2]]', [1, [2]]],
    ['a text', '"hello"', 'hello'],
    ['JSON null', 'null', null],
    ['no body at all', null, null],
  ])('serves %s that pgmq.send wrote', async (_what, body, expected) => {
    const queue = await sent(body)
    const message = (await h.client.dequeue(queue)) as Message
    expect([message.body, message.headers]).toEqual([expected, {}])
    expect(await h.client.processWithRetry(message, (given) => ({ given }))).toEqual({ given: expected })
    expect(await text(`a_${queue}`, 'message')).toBe(body)
  })

  it.each([
    '[1, 2]',
    '"text"',
    '7',
    'null',
    '{"x-job-failures": 1e400, "x-job-ended": -1, "x-job-alone": "3", "n": 1}',
  ])('keeps the headers %s that another wrote, from release to archive', async (headers) => {
    const queue = await sent('{"n": 1}', headers)
    const own = headers.startsWith('{')
    const message = (await h.client.dequeue(queue)) as Message
    expect(message.headers).toEqual(own ? expect.objectContaining({ n: 1 }) : {})
    await h.client.setVisibility(message, 0)
    const again = (await h.client.dequeue(queue)) as Message
    expect(again.headers['x-job-foreign']).toEqual(own ? undefined : JSON.parse(headers))
    await h.client.archive(again)
    const [archived] = await rows(h, `a_${queue}`)
    expect(archived?.headers).toMatchObject(own ? { n: 1 } : { 'x-job-foreign': JSON.parse(headers) as unknown })
  })

  it('leaves headers that are no object as they are, where there is nothing to note', async () => {
    const queue = await sent('{"n": 1}', '[1, 2]')
    await h.client.archive((await h.client.dequeue(queue)) as Message)
    expect(await text(`a_${queue}`, 'headers')).toBe('[1, 2]')
  })

  it('keeps numbers that JavaScript cannot hold, in body and headers', async () => {
    const exact = '{"n": 12345678901234567890.123456789}'
    const queue = await sent(exact, exact)
    const message = (await h.client.dequeue(queue)) as Message
    await h.client.processWithRetry(message, () => Promise.reject(new PermanentError('no')))
    await h.client.deadLetters.redrive(queue, {})
    expect(await text(`q_${queue}`, 'message')).toBe(exact)
    expect(await text(`q_${queue}`, 'headers')).toBe(exact)
  })

  it.each(['-infinity', '0001-01-01', '1969-12-31'])('finds a message that was due %s', async (vt) => {
    const queue = await filled(2)
    await h.sql(`update pgmq.q_${queue} set vt = $1 where msg_id = 2`, [vt])
    expect((await h.client.dequeueMany(queue, { limit: 2 })).map(({ id }) => id)).toEqual(['2', '1'])
  })

  it.each(['MyQueue', 'my queue.x', 'a"b', 'ünï', 'x'.repeat(43)])(
    'reads and works a queue named %j',
    async (queue) => {
      await h.sql('select pgmq.create($1)', [queue])
      await h.sql('select pgmq.send($1, $2::jsonb) from generate_series(1, 4)', [queue, '{"n": 1}'])
      const [archived, deleted, failed, buried] = (await h.client.dequeueMany(queue, { limit: 4 })) as [
        Message,
        Message,
        Message,
        Message,
      ]
      expect(archived.queue).toBe(queue)
      expect(await h.client.archive(archived)).toBe(true)
      expect(await h.client.delete(deleted)).toBe(true)
      expect(await h.client.processWithRetry(failed, () => Promise.reject(new Error('no')))).toBeNull()
      expect(await h.client.processWithRetry(buried, () => Promise.reject(new PermanentError('no')))).toBeNull()
      expect((await h.client.deadLetters.list(queue)).items).toMatchObject([{ originalQueue: queue, originalId: '4' }])
      expect((await h.client.queues.peek(queue)).items).toMatchObject([{ queue, id: '3' }])
      expect((await h.client.queues.archived(queue)).items).toMatchObject([{ queue, id: '1' }])
      expect(await h.client.queues.metrics(queue)).toMatchObject({ queue, length: 1, totalMessages: 4 })
      expect(await h.client.deadLetters.redrive(queue, {})).toEqual({ redriven: 1 })
      expect(await h.client.queues.purge(queue)).toBe(2)
    },
  )

  it('reads a queue whose name leaves no room for a dead-letter queue, but does not work it', async () => {
    const queue = 'y'.repeat(47)
    await h.sql('select pgmq.create($1)', [queue])
    await h.sql('select pgmq.send($1, $2::jsonb)', [queue, '{"n": 1}'])
    const message = (await h.client.dequeue(queue)) as Message
    let ran = false
    const processed = h.client.processWithRetry(message, () => (ran = true))
    expect((await refusal(processed, 'QUEUE_NAME_INVALID')).message).toContain(
      `"${queue}_dlq", its dead-letter queue, would have 51 characters, pgmq allows 47. Lease and archive its messages yourself`,
    )
    expect(ran).toBe(false)
    expect(await h.client.archive(message)).toBe(true)
  })
})

function byQueueAndId(a: MessageRef, b: MessageRef): number {
  return a.queue.localeCompare(b.queue) || Number(a.id) - Number(b.id)
}
