import type { SqlExecutor } from '@pgmq/core'
import { createProtocol, type Protocol } from '@pgmq/core/protocol'
import { expect, it } from 'vitest'
import { begin } from './support/connection.js'
import { describeSuite } from './support/harness.js'
import { rows } from './support/look.js'
import { protocolOf } from './support/protocol.js'
import { refusal, rejection } from './support/refusal.js'

describeSuite('the protocol', (h) => {
  const fresh = async (): Promise<string> => {
    const queue = h.queue()
    await protocolOf(h).create(queue)
    return queue
  }
  const ids = (found: readonly { readonly id: string }[]): string[] => found.map(({ id }) => id)
  const inSeconds = (date: Date): number => (date.getTime() - Date.now()) / 1000

  // ── Where it runs ───────────────────────────────────────────────────────────────────────────────

  it('works on a client, and inside a transaction of the driver', async () => {
    const queue = await fresh()
    const pgmq = createProtocol(h.client)
    const tx = await begin(h)
    await pgmq.with(tx).send(queue, { n: 1 })
    expect(await pgmq.read(queue)).toEqual([])
    await tx.query('commit')
    expect(await pgmq.read(queue)).toMatchObject([{ body: { n: 1 } }])
  })

  it('joins the transaction of a client that did', async () => {
    const queue = await fresh()
    const tx = await begin(h)
    await createProtocol(h.client.with(tx)).send(queue, 1)
    await tx.query('rollback')
    expect(await rows(h, `q_${queue}`)).toEqual([])
  })

  it('asks nothing before its first statement on a pool, and the catalog once on a connection', async () => {
    const queue = await fresh()
    const sent: string[] = []
    const spied = (scope: 'pool' | 'connection'): SqlExecutor => ({
      scope,
      async query(text, params) {
        sent.push(text)
        return (await h.pool.query({ text, values: [...params], types: { getTypeParser: () => String } })).rows
      },
    })
    const pgmq = createProtocol(spied('pool'))
    await pgmq.send(queue, 1)
    await pgmq.readGrouped(queue)
    expect(sent).toHaveLength(2)
    sent.length = 0
    const inside = createProtocol(spied('connection'))
    for (const calls of [4, 2]) {
      await inside.readGrouped(queue)
      await inside.send(queue, 1)
      expect(sent.splice(0)).toHaveLength(calls)
    }
  })

  it('says what it takes', async () => {
    expect(await rejection((async () => createProtocol({} as never))())).toMatchObject({
      code: 'CONFIGURATION_INVALID',
    })
    const pgmq = protocolOf(h)
    expect(await rejection((async () => pgmq.with(h.pool as never))())).toMatchObject({ code: 'CONFIGURATION_INVALID' })
  })

  it('gives functions that can be taken apart', async () => {
    const queue = await fresh()
    const { send, pop } = protocolOf(h)
    await send(queue, 'x')
    expect(await pop(queue)).toMatchObject([{ body: 'x', readCount: 0 }])
  })

  // ── Send ────────────────────────────────────────────────────────────────────────────────────────

  it('sends any JSON with headers, and reads it back as it was', async () => {
    const queue = await fresh()
    const pgmq = protocolOf(h)
    const bodies = [{ a: [1, 'ä"\\\'', null, { b: true }] }, [1, [2]], 'text', 0, false, null]
    for (const body of bodies) await pgmq.send(queue, body, { headers: { 'x-h': [body] } })
    const found = await pgmq.read(queue, { limit: 10, visibilitySeconds: 60 })
    expect(found.map(({ body }) => body)).toEqual(bodies)
    expect(found.map(({ headers }) => headers)).toEqual(bodies.map((body) => ({ 'x-h': [body] })))
    const [first] = found
    expect(first).toMatchObject({ queue, id: '1', readCount: 1 })
    expect(Math.abs(inSeconds(first?.enqueuedAt as Date))).toBeLessThan(10)
    expect(Math.abs(inSeconds(first?.lastReadAt as Date))).toBeLessThan(10)
    expect(Math.abs(inSeconds(first?.visibleAt as Date) - 60)).toBeLessThan(10)
  })

  it('delays by seconds, by a fraction of one, or until a time', async () => {
    const queue = await fresh()
    const pgmq = protocolOf(h)
    const at = new Date(Date.now() + 3_600_000)
    await pgmq.send(queue, 1, { delay: 3600 })
    await pgmq.send(queue, 2, { delay: at })
    await pgmq.send(queue, 3, { delay: new Date(0) })
    await pgmq.send(queue, 4, { delay: 0.25 })
    const [seconds, date, past] = await rows(h, `q_${queue}`)
    expect(Math.abs(inSeconds(seconds?.vt as Date) - 3600)).toBeLessThan(10)
    expect(date?.vt).toEqual(at)
    expect(past?.vt).toEqual(new Date(0))
    expect((await pgmq.readWithPoll(queue, { limit: 9, pollIntervalMs: 10 }))[0]?.body).toBe(3)
    expect(await pgmq.readWithPoll(queue, { limit: 9, pollIntervalMs: 10 })).toMatchObject([{ body: 4 }])
  })

  it('sends a batch with headers of each, and tells ids in order', async () => {
    const queue = await fresh()
    const pgmq = protocolOf(h)
    const messages = Array.from({ length: 300 }, (_, n) => ({ n }))
    const sent = await pgmq.sendBatch(queue, messages, {
      headers: messages.map(({ n }) => (n % 2 ? { n } : null)),
      delay: 0,
    })
    const found = await pgmq.read(queue, { limit: 1000 })
    expect(ids(found)).toEqual(sent)
    expect(found.map(({ body }) => body)).toEqual(messages)
    expect(found.map(({ headers }) => headers)).toEqual(messages.map(({ n }) => (n % 2 ? { n } : {})))
  })

  // ── Read, pop, set_vt ───────────────────────────────────────────────────────────────────────────

  it('reads the lowest ids first, by condition, and as many as asked for', async () => {
    const queue = await fresh()
    const pgmq = protocolOf(h)
    await pgmq.sendBatch(
      queue,
      [1, 2, 3, 4, 5].map((n) => ({ n, odd: n % 2 === 1 })),
    )
    expect(ids(await pgmq.read(queue, { conditional: { odd: true }, limit: 2 }))).toEqual(['1', '3'])
    expect(ids(await pgmq.read(queue, { limit: 2 }))).toEqual(['2', '4'])
    expect(ids(await pgmq.read(queue, { conditional: {}, limit: 2 }))).toEqual(['5'])
    expect(await pgmq.read(queue)).toEqual([])
  })

  it('reads what was hidden for 0 seconds again, and counts', async () => {
    const queue = await fresh()
    const pgmq = protocolOf(h)
    await pgmq.send(queue, 1)
    await pgmq.read(queue, { visibilitySeconds: 0 })
    expect(await pgmq.read(queue)).toMatchObject([{ readCount: 2 }])
  })

  it('polls for what comes later, in a transaction too', async () => {
    const queue = await fresh()
    const pgmq = protocolOf(h)
    const tx = await begin(h)
    const polling = [pgmq, pgmq.with(tx)].map((own) =>
      own.readWithPoll(queue, { pollIntervalMs: 10, maxPollSeconds: 20 }),
    )
    await pgmq.sendBatch(queue, [1, 2])
    const found = (await Promise.all(polling)).flat()
    expect(ids(found).sort()).toEqual(['1', '2'])
  })

  it('stops polling after its time, and by a signal', async () => {
    const queue = await fresh()
    const pgmq = protocolOf(h)
    expect(await pgmq.readWithPoll(queue, { maxPollSeconds: 0 })).toEqual([])
    expect(await pgmq.readWithPoll(queue, { maxPollSeconds: 0.05, pollIntervalMs: 10 })).toEqual([])
    const controller = new AbortController()
    const polling = pgmq.readWithPoll(queue, { maxPollSeconds: 60, signal: controller.signal })
    controller.abort(new Error('enough'))
    expect(await rejection(polling)).toMatchObject({ message: 'enough' })
  })

  it('keeps no transaction open while it polls', async () => {
    const queue = await fresh()
    const controller = new AbortController()
    const polling = rejection(protocolOf(h).readWithPoll(queue, { maxPollSeconds: 60, signal: controller.signal }))
    for (let round = 0; round < 20; round++)
      expect(
        await h.sql(
          `select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
           and xact_start < clock_timestamp() - interval '500 ms' and backend_type = 'client backend'`,
        ),
      ).toEqual([])
    controller.abort()
    await polling
  })

  it('pops many, in order, for good', async () => {
    const queue = await fresh()
    const pgmq = protocolOf(h)
    await pgmq.sendBatch(queue, [1, 2, 3])
    expect(ids(await pgmq.pop(queue, { limit: 2 }))).toEqual(['1', '2'])
    expect(await rows(h, `q_${queue}`)).toHaveLength(1)
  })

  it('sets the visibility of one and of many, by seconds and by a time', async () => {
    const queue = await fresh()
    const pgmq = protocolOf(h)
    await pgmq.sendBatch(queue, [1, 2, 3])
    const at = new Date(Date.now() + 86_400_000)
    expect(await pgmq.setVt(queue, '1', at)).toMatchObject({ id: '1', visibleAt: at, readCount: 0 })
    const many = await pgmq.setVt(queue, ['3', '2', '77'], 600)
    expect(ids(many)).toEqual(['2', '3'])
    expect(Math.abs(inSeconds(many[0]?.visibleAt as Date) - 600)).toBeLessThan(10)
    expect(await pgmq.setVt(queue, '77', 5)).toBeNull()
    expect(await pgmq.setVt(queue, [], 5)).toEqual([])
    expect(ids(await pgmq.setVt(queue, ['1', '2', '3'], new Date(0)))).toEqual(['1', '2', '3'])
    expect(await pgmq.read(queue, { limit: 3 })).toHaveLength(3)
  })

  // ── Archive, delete ─────────────────────────────────────────────────────────────────────────────

  it.each(['archive', 'delete'] as const)('%ss one and many, and tells which there were', async (verb) => {
    const queue = await fresh()
    const pgmq = protocolOf(h)
    await pgmq.sendBatch(
      queue,
      Array.from({ length: 12 }, (_, n) => n),
      { headers: Array.from({ length: 12 }, (_, n) => ({ n })) },
    )
    expect(await pgmq[verb](queue, '1')).toBe(true)
    expect(await pgmq[verb](queue, '1')).toBe(false)
    expect(await pgmq[verb](queue, ['11', '2', '1', '12', '9'])).toEqual(['2', '9', '11', '12'])
    expect(await pgmq[verb](queue, [])).toEqual([])
    expect(await rows(h, `q_${queue}`)).toHaveLength(7)
    const archived = await rows(h, `a_${queue}`)
    expect(archived.map(({ msg_id, headers }) => [msg_id, headers])).toEqual(
      verb === 'delete' ? [] : ['1', '2', '9', '11', '12'].map((id) => [id, { n: Number(id) - 1 }]),
    )
  })

  // ── Arguments ───────────────────────────────────────────────────────────────────────────────────

  it.each<[string, string, (pgmq: Protocol, queue: string) => Promise<unknown>]>([
    ['a negative limit', 'limit', (p, q) => p.read(q, { limit: -1 })],
    ['a limit of null, which upstream takes for all', 'limit', (p, q) => p.read(q, { limit: null as never })],
    ['a limit of 0', 'limit', (p, q) => p.pop(q, { limit: 0 })],
    ['a limit beyond an int', 'limit', (p, q) => p.read(q, { limit: 2 ** 31 })],
    ['half a message', 'limit', (p, q) => p.read(q, { limit: 1.5 })],
    ['a negative visibility', 'visibilitySeconds', (p, q) => p.read(q, { visibilitySeconds: -1 })],
    ['a visibility of null', 'visibilitySeconds', (p, q) => p.readGrouped(q, { visibilitySeconds: null as never })],
    ['a visibility that is no number', 'visibilitySeconds', (p, q) => p.read(q, { visibilitySeconds: Number.NaN })],
    ['a negative delay', 'delay', (p, q) => p.send(q, 1, { delay: -1 })],
    ['a delay of null', 'delay', (p, q) => p.sendBatch(q, [1], { delay: null as never })],
    ['a delay for ever', 'delay', (p, q) => p.send(q, 1, { delay: Number.POSITIVE_INFINITY })],
    ['a delay until no time', 'delay', (p, q) => p.send(q, 1, { delay: new Date(Number.NaN) })],
    ['a delay in words', 'delay', (p) => p.sendTopic('a.b', 1, { delay: '5' as never })],
    ['a vt of NaN', 'vt', (p, q) => p.setVt(q, '1', Number.NaN)],
    ['a negative vt', 'vt', (p, q) => p.setVt(q, ['1'], -5)],
    ['an id that is a number', 'id', (p, q) => p.archive(q, 1 as never)],
    ['an id that is none', 'id', (p, q) => p.delete(q, ['1', '1; drop'])],
    ['an id beyond a bigint', 'id', (p, q) => p.delete(q, '9223372036854775808')],
    ['a batch of none', 'messages', (p, q) => p.sendBatch(q, [])],
    ['a batch of null', 'messages', (p, q) => p.sendBatch(q, null as never)],
    ['a topic batch of none', 'messages', (p) => p.sendBatchTopic('a.b', [])],
    ['fewer headers than messages', 'headers', (p, q) => p.sendBatch(q, [1, 2], { headers: [{}] })],
    ['headers that are a text', 'headers', (p, q) => p.send(q, 1, { headers: 'x' as never })],
    ['headers of null', 'headers', (p, q) => p.send(q, 1, { headers: null as never })],
    [
      'headers of one that are an array',
      'headers[1]',
      (p, q) => p.sendBatch(q, [1, 2], { headers: [{}, [] as never] }),
    ],
    ['a condition of null', 'conditional', (p, q) => p.read(q, { conditional: null as never })],
    ['options of null', 'options', (p, q) => p.send(q, 1, null as never)],
    ['a poll without end', 'maxPollSeconds', (p, q) => p.readWithPoll(q, { maxPollSeconds: Number.NaN })],
    ['a poll without pause', 'pollIntervalMs', (p, q) => p.readGroupedWithPoll(q, { pollIntervalMs: 0 })],
    ['a negative throttle', 'throttleIntervalMs', (p, q) => p.enableNotifyInsert(q, { throttleIntervalMs: -1 })],
    [
      'a throttle of null',
      'throttleIntervalMs',
      (p, q) => p.enableNotifyInsert(q, { throttleIntervalMs: null as never }),
    ],
    ['a throttle left out', 'throttleIntervalMs', (p, q) => p.updateNotifyInsert(q, {} as never)],
    ['an empty routing key', 'routingKey', (p) => p.sendTopic('', 1)],
    ['a routing key with a wildcard', 'routingKey', (p) => p.testRouting('logs.*')],
    ['a routing key of 256 characters', 'routingKey', (p) => p.testRouting('a'.repeat(256))],
    ['a routing key with a newline', 'routingKey', (p) => p.testRouting('a\n')],
    ['a pattern with adjacent wildcards', 'pattern', (p, q) => p.bindTopic('a.*#', q)],
    ['a pattern of null', 'pattern', (p, q) => p.unbindTopic(null as never, q)],
    ['partitions of nothing', 'partitionInterval', (p) => p.createPartitioned('x', { partitionInterval: 0 })],
    ['a retention of nothing', 'retentionInterval', (p) => p.createPartitioned('x', { retentionInterval: ' ' })],
    ['a premake of half', 'premake', (p) => p.createPartitioned('x', { premake: 0.5 })],
  ])('refuses %s before anything is sent', async (_what, field, call) => {
    const sent: string[] = []
    const pgmq = createProtocol({
      scope: 'pool',
      query: async (text) => {
        sent.push(text)
        return []
      },
    })
    expect((await refusal(call(pgmq, 'some_queue'), 'CONFIGURATION_INVALID')).details.field).toBe(field)
    expect(sent).toEqual([])
  })

  it.each([
    ['U+0000', 'a\u0000b'],
    ['half a surrogate pair', 'a\ud800b'],
  ])('refuses %s in bodies, headers and conditions before anything is sent', async (_what, text) => {
    const queue = await fresh()
    const tx = await begin(h)
    const pgmq = protocolOf(h).with(tx)
    for (const [path, call] of [
      ['message.a', () => pgmq.send(queue, { a: text })],
      ['messages[1].a', () => pgmq.sendBatch(queue, [1, { a: text }])],
      ['headers.a', () => pgmq.send(queue, 1, { headers: { a: text } })],
      ['headers[0].a', () => pgmq.sendBatch(queue, [1], { headers: [{ a: text }] })],
      ['message.a', () => pgmq.sendTopic('a.b', { a: text })],
      ['conditional.a', () => pgmq.read(queue, { conditional: { a: text } })],
    ] as const)
      expect((await refusal(call(), 'BODY_NOT_SERIALIZABLE')).details.path).toBe(path)
    // The transaction lives.
    expect(await pgmq.send(queue, 'a\\u0000b')).toBe('1')
    expect(await pgmq.read(queue)).toMatchObject([{ body: 'a\\u0000b' }])
  })

  it('refuses what JSON has not', async () => {
    const pgmq = protocolOf(h)
    await refusal(pgmq.send('q', undefined as never), 'BODY_NOT_SERIALIZABLE')
    await refusal(pgmq.send('q', { n: 1n } as never), 'BODY_NOT_SERIALIZABLE')
  })

  it('refuses a batch that no statement should carry', async () => {
    const body = 'x'.repeat(34_000_000)
    expect((await refusal(protocolOf(h).sendBatch('q', [body, body]), 'BATCH_TOO_LARGE')).details.limit).toBe(
      67_108_864,
    )
  })
})
