import type { ArchivedMessage, Message, Page, StoredMessage } from '@pgmq/core'
import { expect, it } from 'vitest'
import { begin } from './support/connection.js'
import { describeSuite } from './support/harness.js'
import { places, rows } from './support/look.js'
import { refusal } from './support/refusal.js'

describeSuite('queues', (h) => {
  async function filled(count: number): Promise<string> {
    const queue = h.queue()
    await h.client.enqueueMany(
      queue,
      Array.from({ length: count }, (_, n) => ({ task: `task_${n % 2}`, n })),
    )
    return queue
  }
  const exists = async (table: string): Promise<boolean> =>
    (await h.sql<{ there: boolean }>('select to_regclass($1) is not null there', [`pgmq.${table}`]))[0]?.there === true
  const names = async (client = h.client): Promise<string[]> => (await client.queues.list()).map(({ name }) => name)

  // ── Create and drop ─────────────────────────────────────────────────────────────────────────────

  it('are created with their dead-letter queue, once', async () => {
    const queue = h.queue()
    await h.client.queues.create(queue)
    await h.client.enqueue(queue, { n: 1 })
    await h.client.queues.create(queue)
    expect(await places(h, queue)).toEqual({ queue: 1, archive: 0, dlq: 0 })
    expect((await names()).filter((name) => name.startsWith(queue))).toEqual([queue, `${queue}_dlq`])
  })

  it('are created once by many at the same time', async () => {
    const queue = h.queue()
    const clients = Array.from({ length: 8 }, () => h.clientWith({}))
    await Promise.all(clients.map((client) => client.queues.create(queue)))
    expect((await names()).filter((name) => name.startsWith(queue))).toEqual([queue, `${queue}_dlq`])
  })

  it('get the dead-letter queue that another creator left out, or somebody dropped', async () => {
    const queue = h.queue()
    await h.sql('select pgmq.create($1)', [queue])
    await h.client.queues.create(queue)
    await h.client.queues.drop(`${queue}_dlq`)
    await h.client.queues.create(queue)
    expect(await exists(`q_${queue}_dlq`)).toBe(true)
  })

  it('that are dead-letter queues get none of their own', async () => {
    const queue = `${h.queue()}_dlq`
    await h.client.queues.create(queue)
    expect(await exists(`q_${queue}`)).toBe(true)
    expect(await exists(`q_${queue}_dlq`)).toBe(false)
  })

  it.each([
    ['reader', (queue: string) => `select from pgmq.q_${queue} for update`],
    ['sender', (queue: string) => `select pgmq.send('${queue}', '{}')`],
  ])('are created again without waiting for an open %s', async (_who, statement) => {
    const queue = await filled(1)
    const tx = await begin(h)
    await tx.query(statement(queue))
    const impatient = h.clientWith({}, h.poolWith({ options: '-c lock_timeout=1' }))
    await impatient.queues.create(queue)
    await impatient.enqueue(queue, { n: 2 })
  })

  it('are created unlogged where asked, their dead-letter queue never', async () => {
    const queue = h.queue()
    await h.client.queues.create(queue, { unlogged: true })
    const info = (await h.client.queues.list()).filter(({ name }) => name.startsWith(queue))
    expect(info).toMatchObject([
      { name: queue, unlogged: true, partitioned: false },
      { name: `${queue}_dlq`, unlogged: false, partitioned: false },
    ])
    expect(info[0]?.createdAt.getTime()).toBeGreaterThan(Date.now() - 60_000)
    await h.client.enqueue(queue, { n: 1 })
    expect(await h.client.archive((await h.client.dequeue(queue)) as Message)).toBe(true)
  })

  it('are dropped with messages and archive, once; their dead letters stay', async () => {
    const queue = await filled(1)
    expect(await h.client.queues.drop(queue)).toBe(true)
    expect(await h.client.queues.drop(queue)).toBe(false)
    expect([await exists(`q_${queue}`), await exists(`a_${queue}`)]).toEqual([false, false])
    expect((await names()).filter((name) => name.startsWith(queue))).toEqual([`${queue}_dlq`])
  })

  it('are purged of every message, leased and delayed ones too', async () => {
    const queue = await filled(2)
    await h.client.enqueue(queue, { n: 3 }, { delaySeconds: 3600 })
    const message = (await h.client.dequeue(queue)) as Message
    expect(await h.client.queues.purge(queue)).toBe(3)
    expect(await h.client.queues.purge(queue)).toBe(0)
    expect(await h.client.archive(message)).toBe(false)
  })

  // ── List ────────────────────────────────────────────────────────────────────────────────────────

  it('are listed under the client’s prefix, without it', async () => {
    const client = h.clientWith({ queuePrefix: 'unison' })
    await client.queues.create('mails')
    await h.client.queues.create('unisono_mails')
    await h.sql(`select pgmq.create('unison_MyQueue')`)
    expect(await names(client)).toEqual(expect.arrayContaining(['MyQueue', 'mails', 'mails_dlq']))
    expect(await names(client)).toHaveLength(3)
    expect(await names()).toEqual(expect.arrayContaining(['unison_mails', 'unison_mails_dlq', 'unisono_mails']))
  })

  // ── Metrics ─────────────────────────────────────────────────────────────────────────────────────

  it('are measured', async () => {
    const queue = await filled(4)
    await h.client.enqueue(queue, { n: 4 }, { delaySeconds: 3600 })
    await h.client.dequeue(queue)
    await h.client.delete({ queue, id: '2' })
    await h.sql(`update pgmq.q_${queue} set enqueued_at = now() - interval '90 seconds' where msg_id = 3`)
    const metrics = await h.client.queues.metrics(queue)
    expect(metrics).toEqual({
      queue,
      length: 4,
      visibleLength: 2,
      oldestAgeSeconds: expect.any(Number),
      totalMessages: 5,
    })
    expect(metrics.oldestAgeSeconds).toBeGreaterThanOrEqual(89)
    expect(metrics.oldestAgeSeconds).toBeLessThan(150)
  })

  it('are measured when they are empty, and by their own name under a prefix', async () => {
    const client = h.clientWith({ queuePrefix: 'unison' })
    await client.queues.create('empty')
    expect(await client.queues.metrics('empty')).toEqual({
      queue: 'empty',
      length: 0,
      visibleLength: 0,
      oldestAgeSeconds: null,
      totalMessages: 0,
    })
  })

  // ── Looking ─────────────────────────────────────────────────────────────────────────────────────

  it('are looked into page by page, without leasing', async () => {
    const queue = await filled(5)
    const message = (await h.client.dequeue(queue)) as Message
    const pages: StoredMessage[][] = []
    for (let after: string | null = '0'; after !== null; ) {
      const page: Page<StoredMessage> = await h.client.queues.peek(queue, { after, limit: 2 })
      pages.push([...page.items])
      after = page.nextCursor
    }
    expect(pages.map((page) => page.map(({ id }) => id))).toEqual([['1', '2'], ['3', '4'], ['5']])
    const { receipt: _, dueAt: __, ...seen } = message
    expect(pages[0]?.[0]).toMatchObject(seen)
    expect(pages[0]?.[0]).not.toHaveProperty('receipt')
    expect((await rows(h, `q_${queue}`)).map(({ read_ct }) => read_ct)).toEqual([1, 0, 0, 0, 0])
  })

  it('show a full last page, and then an empty one', async () => {
    const queue = await filled(2)
    expect((await h.client.queues.peek(queue, { limit: 2 })).nextCursor).toBe('2')
    expect(await h.client.queues.peek(queue, { limit: 2, after: '2' })).toEqual({ items: [], nextCursor: null })
  })

  it('are looked into a hundred at a time', async () => {
    const queue = await filled(101)
    expect((await h.client.queues.peek(queue)).items).toHaveLength(100)
  })

  it.each(['infinity', '-infinity', '9999-12-31'])('are looked into where a message is due %s', async (vt) => {
    const queue = await filled(3)
    await h.sql(`update pgmq.q_${queue} set vt = $1 where msg_id = 2`, [vt])
    expect((await h.client.queues.peek(queue)).items.map(({ id }) => id)).toEqual(['1', '2', '3'])
    await h.client.archiveMany(['1', '2', '3'].map((id) => ({ queue, id })))
    expect((await h.client.queues.archived(queue)).items.map(({ id }) => id)).toEqual(['1', '2', '3'])
  })

  it('show their archive by task, page by page', async () => {
    const queue = await filled(6)
    const messages = await h.client.dequeueMany(queue, { limit: 6 })
    for (const message of messages) await h.client.processWithRetry(message, () => ({ id: message.id }))
    const pages: ArchivedMessage[][] = []
    for (let after: string | null = '0'; after !== null; ) {
      const page: Page<ArchivedMessage> = await h.client.queues.archived(queue, { task: 'task_1', after, limit: 2 })
      pages.push([...page.items])
      after = page.nextCursor
    }
    expect(pages.map((page) => page.map(({ id }) => id))).toEqual([['2', '4'], ['6']])
    expect(pages[0]?.[0]).toMatchObject({
      queue,
      body: { task: 'task_1', n: 1 },
      headers: { 'x-job-output': { id: '2' } },
      readCount: 1,
    })
    expect(pages[0]?.[0]?.archivedAt.getTime()).toBeGreaterThan(Date.now() - 60_000)
    expect((await h.client.queues.archived(queue)).items).toHaveLength(6)
    expect((await h.client.queues.archived(queue, { task: 'none' })).items).toEqual([])
  })

  it.each<[object, string]>([
    [{ limit: 0 }, 'limit 0 is invalid: give a whole number from 1'],
    [{ limit: 2.5 }, 'limit 2.5 is invalid: give a whole number from 1'],
    [{ after: 'x' }, 'message id "x" is invalid: ids are texts of digits'],
    [{ after: 7 }, 'message id 7 is invalid: ids are texts of digits'],
  ])('are not looked into by %j', async (options, message) => {
    const queue = await filled(1)
    expect((await refusal(h.client.queues.peek(queue, options), 'CONFIGURATION_INVALID')).message).toContain(message)
    expect((await refusal(h.client.queues.archived(queue, options), 'CONFIGURATION_INVALID')).message).toContain(
      message,
    )
  })

  it('are purged behind an open reader without stopping a sender', async () => {
    const queue = h.queue()
    await h.client.enqueueMany(queue, [{ n: 1 }, { n: 2 }])
    const reader = await begin(h)
    await reader.query(`select from pgmq.q_${queue}`)
    const purged = h.client.queues.purge(queue)
    const sent = h.client.enqueue(queue, { n: 3 })
    await sent
    // With it, or without: it was sent meanwhile.
    expect((await purged) + (await places(h, queue)).queue).toBe(3)
  })

  it('are not dropped behind an open reader, which is said soon and stops no sender', async () => {
    const queue = h.queue()
    await h.client.enqueue(queue, { n: 1 })
    const reader = await begin(h)
    await reader.query(`select from pgmq.q_${queue}`)
    const dropped = refusal(h.client.queues.drop(queue), 'QUERY_FAILED')
    await h.client.enqueue(queue, { n: 2 })
    expect(await dropped).toMatchObject({ details: { sqlState: '55P03' } })
    await reader.query('rollback')
    expect(await h.client.queues.drop(queue)).toBe(true)
  })

  it.each(['metrics', 'purge', 'peek', 'archived'] as const)('that are missing are refused by %s', async (verb) => {
    const queue = h.queue()
    const error = await refusal(h.client.queues[verb](queue), 'QUEUE_NOT_FOUND')
    expect(error.message).toMatch(
      new RegExp(`^cannot .*"${queue}": there is no queue "${queue}". Create it: await client.queues.create`),
    )
    expect(error.details).toEqual({ queue })
  })

  it.each(['', 'a\u0000', 'x'.repeat(48)])('named %j cannot be, so no call takes them', async (name) => {
    for (const call of [
      () => h.client.queues.create(name),
      () => h.client.queues.drop(name),
      () => h.client.queues.purge(name),
      () => h.client.queues.metrics(name),
      () => h.client.queues.peek(name),
      () => h.client.deadLetters.list(name),
      () => h.client.dequeue(name),
      () => h.client.archive({ queue: name, id: '1' }),
    ])
      expect((await refusal(call(), 'QUEUE_NAME_INVALID')).details).toEqual({ queue: name })
  })
})
