import { expect, it } from 'vitest'
import { begin, connect, listen } from './support/connection.js'
import { describeSuite } from './support/harness.js'
import { protocolOf } from './support/protocol.js'
import { refusal } from './support/refusal.js'
import { until } from './support/until.js'

describeSuite('topics of the protocol', (h) => {
  async function bound(...patterns: string[]): Promise<string> {
    const queue = h.queue()
    const pgmq = protocolOf(h)
    await pgmq.create(queue)
    for (const pattern of patterns) await pgmq.bindTopic(pattern, queue)
    return queue
  }

  it('are bound once, listed and unbound', async () => {
    const queue = await bound('one.*', 'one.*', 'one.#')
    const pgmq = protocolOf(h)
    const bindings = await pgmq.listTopicBindings(queue)
    expect(bindings).toMatchObject([
      { pattern: 'one.#', queue, compiledRegex: '^one\\..*$' },
      { pattern: 'one.*', queue, compiledRegex: '^one\\.[^.]+$' },
    ])
    expect(bindings[0]?.boundAt).toBeInstanceOf(Date)
    expect((await pgmq.listTopicBindings()).length).toBeGreaterThanOrEqual(2)
    expect(await pgmq.unbindTopic('one.*', queue)).toBe(true)
    expect(await pgmq.unbindTopic('one.*', queue)).toBe(false)
  })

  it('are tested without sending: "logs.#" does not fit "logs"', async () => {
    const queue = await bound('logs.#')
    const pgmq = protocolOf(h)
    expect(await pgmq.testRouting('logs.a.b')).toMatchObject([{ pattern: 'logs.#', queue }])
    expect(await pgmq.testRouting('logs')).toEqual([])
  })

  it('take a message to every queue once, and tell where it lies', async () => {
    const [b, a] = [await bound('two.*', 'two.#'), await bound('*.x')]
    const pgmq = protocolOf(h)
    await pgmq.send(a, 0)
    const at = new Date(Date.now() + 60_000)
    expect(await pgmq.sendTopic('two.x', { n: 1 }, { headers: { h: 1 }, delay: at })).toEqual([
      { queue: b, id: '1' },
      { queue: a, id: '2' },
    ])
    expect(await pgmq.setVt(b, '1', 0)).toMatchObject({ body: { n: 1 }, headers: { h: 1 } })
    expect(await pgmq.sendTopic('nobody.listens', 1)).toEqual([])
  })

  it('take a batch with headers of each, in order', async () => {
    const queue = await bound('three')
    const pgmq = protocolOf(h)
    const sent = await pgmq.sendBatchTopic('three', ['a', null, ['c'], '"\\'], { headers: [{ n: 1 }, null, {}, null] })
    expect(sent).toEqual(['1', '2', '3', '4'].map((id) => ({ queue, id })))
    const found = await pgmq.read(queue, { limit: 9 })
    expect(found.map(({ body }) => body)).toEqual(['a', null, ['c'], '"\\'])
    expect(found.map(({ headers }) => headers)).toEqual([{ n: 1 }, {}, {}, {}])
    await pgmq.sendBatchTopic('three', [5], { delay: 0.01 })
    expect(await pgmq.readWithPoll(queue, { pollIntervalMs: 5 })).toMatchObject([{ body: 5 }])
  })

  it('join a transaction, which survives what is refused', async () => {
    const queue = await bound()
    const tx = await begin(h)
    const pgmq = protocolOf(h).with(tx)
    await refusal(pgmq.bindTopic('four.*', 'not_there'), 'QUEUE_NOT_FOUND')
    await refusal(pgmq.sendTopic('four..x', 1), 'CONFIGURATION_INVALID')
    await pgmq.bindTopic('four.*', queue)
    expect(await pgmq.sendTopic('four.y', 1)).toHaveLength(1)
    await tx.query('rollback')
    expect(await protocolOf(h).sendTopic('four.y', 1)).toEqual([])
  })
})

describeSuite('insert notifications of the protocol', (h) => {
  async function fresh(): Promise<string> {
    const queue = h.queue()
    await protocolOf(h).create(queue)
    return queue
  }
  const throttles = async (queue: string) =>
    (await protocolOf(h).listNotifyInsertThrottles()).filter((one) => one.queue === queue)

  it('wake listeners, until they are disabled', async () => {
    const queue = await fresh()
    const pgmq = protocolOf(h)
    await pgmq.enableNotifyInsert(queue, { throttleIntervalMs: 0 })
    const heard = await listen(h, `pgmq.q_${queue}.INSERT`)
    await pgmq.send(queue, 1)
    await until('the notification', () => heard.payloads.length === 1)
    expect(await throttles(queue)).toMatchObject([{ throttleIntervalMs: 0, lastNotifiedAt: expect.any(Date) }])
    await pgmq.disableNotifyInsert(queue)
    expect(await throttles(queue)).toEqual([])
  })

  it('have an interval, which is changed and by default is 250 ms', async () => {
    const queue = await fresh()
    const pgmq = protocolOf(h)
    await refusal(pgmq.updateNotifyInsert(queue, { throttleIntervalMs: 1 }), 'CONFIGURATION_INVALID')
    await pgmq.enableNotifyInsert(queue)
    expect(await throttles(queue)).toEqual([{ queue, throttleIntervalMs: 250, lastNotifiedAt: null }])
    await pgmq.updateNotifyInsert(queue, { throttleIntervalMs: 77 })
    expect(await throttles(queue)).toMatchObject([{ throttleIntervalMs: 77 }])
  })

  it('are enabled where the one-argument call is ambiguous, as after an update to 1.8 and later', async () => {
    const queue = await fresh()
    await h.sql(
      `create function pgmq.enable_notify_insert(queue_name text) returns void language sql as $$ select 1/0 $$`,
    )
    await expect(h.sql('select pgmq.enable_notify_insert($1)', [queue])).rejects.toMatchObject({ code: '42725' })
    await protocolOf(h).enableNotifyInsert(queue)
    expect(await throttles(queue)).toHaveLength(1)
    await h.sql('drop function pgmq.enable_notify_insert(text)')
  })

  it('are mended when a crash emptied the unlogged table of throttles', async () => {
    const queue = await fresh()
    const pgmq = protocolOf(h)
    await pgmq.enableNotifyInsert(queue, { throttleIntervalMs: 0 })
    await h.sql('truncate pgmq.notify_insert_throttle')
    const heard = await listen(h, `pgmq.q_${queue}.INSERT`)
    await pgmq.enableNotifyInsert(queue, { throttleIntervalMs: 0 })
    await pgmq.send(queue, 1)
    await until('the notification', () => heard.payloads.length === 1)
  })

  it('are enabled again under an open reader and an open sender, without waiting', async () => {
    const queue = await fresh()
    await protocolOf(h).enableNotifyInsert(queue, { throttleIntervalMs: 5 })
    const tx = await begin(h)
    await tx.query(`select from pgmq.q_${queue} for update`)
    const impatient = protocolOf(h).with(await connect(h, { options: '-c lock_timeout=500' }))
    await impatient.enableNotifyInsert(queue, { throttleIntervalMs: 5 })
    await impatient.enableNotifyInsert(queue, { throttleIntervalMs: 6 })
    expect(await throttles(queue)).toMatchObject([{ throttleIntervalMs: 6 }])
  })

  it('say that a queue is in use rather than stop its senders', async () => {
    const queue = await fresh()
    const tx = await begin(h)
    await protocolOf(h).with(tx).send(queue, 1)
    const error = await refusal(protocolOf(h).enableNotifyInsert(queue), 'QUERY_FAILED')
    expect(error.message).toBe(
      `cannot enable notifications of "${queue}": a transaction on the queue is open, and to wait for its end would stop every sender. End it, and try again`,
    )
  })

  it('are no more than missing queues are', async () => {
    const pgmq = protocolOf(h)
    await refusal(pgmq.enableNotifyInsert('not_there'), 'QUEUE_NOT_FOUND')
    await refusal(pgmq.disableNotifyInsert('not_there'), 'QUEUE_NOT_FOUND')
    await refusal(pgmq.updateNotifyInsert('not_there', { throttleIntervalMs: 1 }), 'QUEUE_NOT_FOUND')
  })
})
