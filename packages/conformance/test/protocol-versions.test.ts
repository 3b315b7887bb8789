import type { Protocol } from '@pgmq/core/protocol'
import { expect, it } from 'vitest'
import { describeSuite, type Harness } from './support/harness.js'
import { installPartman, type PgmqShape, reshape } from './support/pgmq-shapes.js'
import { bothScopes, protocolOf } from './support/protocol.js'
import { refusal } from './support/refusal.js'

const has = async (h: Harness, signature: string): Promise<boolean> =>
  (await h.sql<{ f: string | null }>('select to_regprocedure($1) f', [`pgmq.${signature}`]))[0]?.f !== null

/** What every version can do, on a queue of before the change and on one of after it. */
async function everyday(pgmq: Protocol, queue: string): Promise<void> {
  const [id] = await pgmq.sendBatch(queue, [{ n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }, { n: 5, odd: true }])
  const numbered = (n: number): string => String(Number(id) + n)
  expect(await pgmq.read(queue, { conditional: { odd: true } })).toMatchObject([{ id: numbered(4), readCount: 1 }])
  expect(await pgmq.read(queue, { limit: 2 })).toMatchObject([{ body: { n: 1 } }, { body: { n: 2 } }])
  expect(await pgmq.readWithPoll(queue, { limit: 1 })).toMatchObject([{ body: { n: 3 }, headers: {} }])
  expect(await pgmq.setVt(queue, numbered(0), 0)).toMatchObject({ readCount: 1 })
  expect(await pgmq.setVt(queue, [numbered(2), numbered(1)], new Date(0))).toHaveLength(2)
  expect(await pgmq.pop(queue, { limit: 2 })).toMatchObject([{ body: { n: 1 } }, { body: { n: 2 } }])
  expect(await pgmq.archive(queue, numbered(2))).toBe(true)
  expect(await pgmq.archive(queue, [numbered(3), '99999'])).toEqual([numbered(3)])
  expect(await pgmq.metrics(queue)).toMatchObject({
    queue,
    length: 1,
    visibleLength: 0,
    oldestAgeSeconds: expect.any(Number),
  })
  expect(await pgmq.metricsEstimate(queue)).toMatchObject({ length: 1, visibleLength: 0, exact: true })
  expect(await pgmq.delete(queue, [numbered(4)])).toEqual([numbered(4)])
  expect((await pgmq.metricsAll()).queues.map((one) => one.queue)).toContain(queue)
  expect((await pgmq.listQueues()).map(({ name }) => name)).toContain(queue)
}

function describeShape(shape: PgmqShape, suite: (h: Harness, old: () => string) => void): void {
  describeSuite(`the protocol on pgmq ${shape}`, (h) => {
    let old = ''
    it('finds the version as it should be', async () => {
      old = h.queue()
      await h.sql('select pgmq.create($1)', [old])
      await h.sql('select pgmq.send($1, $2::jsonb)', [old, '{}'])
      await h.sql('select pgmq.pop($1)', [old])
      await reshape(h.sql, shape)
      expect(await has(h, 'send_topic(text, jsonb)')).toBe(shape === 'ahead')
      expect(await has(h, 'set_vt(text, bigint, timestamptz)')).toBe(shape === 'ahead' || shape === '1.10-upgraded')
      expect(await has(h, 'read_grouped(text, int, int)')).toBe(!['1.4', '1.5'].includes(shape))
      expect(await has(h, 'read(text, int, int, jsonb)')).toBe(shape !== '1.4')
    })

    it.each(['a queue from before', 'a queue of its own'])('does what it always did on %s', async (which) => {
      for (const { pgmq, end } of await bothScopes(h)) {
        const queue = which === 'a queue from before' ? old : h.queue()
        if (queue !== old) expect(await pgmq.create(queue)).toBe(true)
        expect(await pgmq.create(queue)).toBe(false)
        await everyday(pgmq, queue)
        await everyday(pgmq, queue)
        await end()
        const outside = protocolOf(h)
        await outside.send(queue, 1)
        expect(await outside.purge(queue)).toBe(1)
        if (queue !== old) {
          expect(await outside.drop(queue)).toBe(true)
          expect(await outside.drop(queue)).toBe(false)
        }
      }
    })
    suite(h, () => old)
  })
}

/** Refused in both scopes, with the version, and the transaction lives. */
async function lacking(
  h: Harness,
  queue: string,
  since: string,
  calls: readonly ((pgmq: Protocol) => Promise<unknown>)[],
): Promise<void> {
  for (const { pgmq, end } of await bothScopes(h)) {
    for (const call of calls) {
      const error = await refusal(call(pgmq), 'FEATURE_UNSUPPORTED')
      expect(error.details.since).toBe(since)
      expect(error.message).toMatch(/update the extension, or /i)
    }
    expect(await pgmq.send(queue, 1)).toMatch(/^\d+$/)
    await end()
  }
}

const TOPICS: readonly ((pgmq: Protocol) => Promise<unknown>)[] = [
  (p) => p.sendTopic('a.b', 1),
  (p) => p.sendBatchTopic('a.b', [1]),
  (p) => p.testRouting('a.b'),
  (p) => p.listTopicBindings(),
  (p) => p.unbindTopic('a.*', 'some'),
]
const grouped = (queue: string): readonly ((pgmq: Protocol) => Promise<unknown>)[] => [
  (p) => p.readGrouped(queue),
  (p) => p.readGroupedRr(queue),
  (p) => p.readGroupedRrWithPoll(queue),
]

describeShape('1.4', (h, old) => {
  it('stores no headers, and says so', async () => {
    await lacking(h, old(), '1.5.0', [
      (p) => p.send(old(), 1, { headers: { a: 1 } }),
      (p) => p.sendBatch(old(), [1, 2], { headers: [null, {}] }),
      (p) => p.createGroupIndex(old()),
    ])
    await protocolOf(h).sendBatch(old(), [1], { headers: [null], delay: 1 })
  })
  it('has no grouped reads, topics or notifications, and says so', async () => {
    await lacking(h, old(), '1.9.0', grouped(old()))
    await lacking(h, old(), '1.11.1', [(p) => p.readGroupedHead(old())])
    await lacking(h, old(), '1.11.0', [...TOPICS, (p) => p.bindTopic('a.*', old())])
    await lacking(h, old(), '1.7.0', [(p) => p.enableNotifyInsert(old()), (p) => p.disableNotifyInsert(old())])
    await lacking(h, old(), '1.8.0', [(p) => p.listNotifyInsertThrottles()])
  })
  it('counts what is visible by itself, of one queue', async () => {
    const { queues } = await protocolOf(h).metricsAll()
    expect(queues.find(({ queue }) => queue === old())).toMatchObject({ visibleLength: null })
  })
})

describeShape('1.5', (h, old) => {
  it('stores headers', async () => {
    const pgmq = protocolOf(h)
    await pgmq.purge(old())
    await pgmq.send(old(), 1, { headers: { a: 1 }, delay: new Date(0) })
    expect(await pgmq.read(old())).toMatchObject([{ headers: { a: 1 }, lastReadAt: null }])
  })
  it('has no grouped reads, topics or notifications, and says so', async () => {
    await lacking(h, old(), '1.9.0', grouped(old()))
    await lacking(h, old(), '1.11.0', TOPICS)
    await lacking(h, old(), '1.7.0', [(p) => p.enableNotifyInsert(old(), { throttleIntervalMs: 5 })])
  })
  it('indexes groups, for the day of its update', async () => {
    expect(await protocolOf(h).createGroupIndex(old())).toBe(true)
  })
})

describeShape('1.9', (h, old) => {
  it('has grouped reads, but for one', async () => {
    for (const { pgmq, end } of await bothScopes(h)) {
      await pgmq.purge(old())
      await pgmq.sendBatch(old(), [1, 2, 3], { headers: ['a', 'b', 'a'].map((g) => ({ 'x-pgmq-group': g })) })
      const found = await pgmq.readGrouped(old(), { limit: 3, visibilitySeconds: 0 })
      expect(found).toMatchObject([{ body: 1, lastReadAt: null }, { body: 3 }, { body: 2 }])
      expect(await pgmq.readGroupedRr(old(), { limit: 3 })).toMatchObject([{ body: 1 }, { body: 2 }, { body: 3 }])
      await end()
    }
    await lacking(h, old(), '1.11.1', [(p) => p.readGroupedHead(old()), (p) => p.readGroupedHeadWithPoll(old())])
  })
  it('has no topics, and says so', async () => await lacking(h, old(), '1.11.0', TOPICS))
  it('sets, changes and lists throttles by the table that it has', async () => {
    const pgmq = protocolOf(h)
    await pgmq.enableNotifyInsert(old(), { throttleIntervalMs: 50 })
    await pgmq.updateNotifyInsert(old(), { throttleIntervalMs: 60 })
    expect(await pgmq.listNotifyInsertThrottles()).toEqual([
      { queue: old(), throttleIntervalMs: 60, lastNotifiedAt: null },
    ])
    await pgmq.disableNotifyInsert(old())
  })
  it('has one-argument notifications in 1.7, without a throttle', async () => {
    await h.sql('drop function pgmq.enable_notify_insert')
    await h.sql(
      `create function pgmq.enable_notify_insert(queue_name text) returns void language sql as $$ select pgmq.disable_notify_insert(queue_name) $$`,
    )
    for (const { pgmq, end } of await bothScopes(h)) {
      await pgmq.enableNotifyInsert(old())
      expect(
        (await refusal(pgmq.enableNotifyInsert(old(), { throttleIntervalMs: 9 }), 'FEATURE_UNSUPPORTED')).details,
      ).toEqual({ feature: 'a throttle of insert notifications', since: '1.8.0' })
      await pgmq.send(old(), 1)
      await end()
    }
  })
})

describeShape('1.10-upgraded', (h, old) => {
  it('is as broken by itself as they say: 42804 on queues from before, 42703 on those since', async () => {
    const made = h.queue()
    await h.sql('select pgmq.create($1)', [made])
    for (const [queue, code] of [
      [old(), '42804'],
      [made, '42703'],
    ]) {
      await h.sql('select pgmq.send($1, $2::jsonb)', [queue, '{}'])
      await expect(h.sql('select pgmq.read($1, 1, 1)', [queue])).rejects.toMatchObject({ code })
    }
  })
  it('reads groups of queues from before', async () => {
    const pgmq = protocolOf(h)
    await pgmq.purge(old())
    await pgmq.send(old(), 1)
    expect(await pgmq.readGrouped(old())).toMatchObject([{ body: 1 }])
  })
  it('says of grouped reads what mends the tables, before it ends a transaction', async () => {
    const made = h.queue()
    for (const { pgmq, end } of await bothScopes(h)) {
      await pgmq.create(made)
      const error = await refusal(pgmq.readGrouped(made), 'FEATURE_UNSUPPORTED')
      expect(error.message).toContain(`alter table pgmq."q_${made}" add column if not exists last_read_at timestamptz`)
      await pgmq.send(made, 1)
      await end()
    }
  })
  it('mended as it says, it reads groups', async () => {
    const made = h.queue()
    const pgmq = protocolOf(h)
    await pgmq.create(made)
    await pgmq.send(made, 1)
    const { message } = await refusal(pgmq.readGrouped(made), 'FEATURE_UNSUPPORTED')
    await h.sql(message.slice(message.indexOf('alter table')))
    expect(await pgmq.readGrouped(made)).toMatchObject([{ body: 1 }])
  })
})

describeShape('ahead', (h, old) => {
  it('reads the length of the default partition', async () => {
    expect(await protocolOf(h).metrics(old())).toMatchObject({ defaultPartitionLength: 7 })
    expect((await protocolOf(h).metricsAll()).queues[0]).toMatchObject({ defaultPartitionLength: 7 })
  })
  it('passes over columns that it does not know', async () => {
    const pgmq = protocolOf(h)
    await pgmq.purge(old())
    await pgmq.send(old(), 1)
    for (const read of [pgmq.readGrouped, pgmq.readGroupedRr, pgmq.readGroupedHead]) {
      const [found] = await read(old(), { visibilitySeconds: 0 })
      expect(Object.keys(found ?? {}).sort()).toEqual(
        ['queue', 'id', 'body', 'headers', 'readCount', 'enqueuedAt', 'lastReadAt', 'visibleAt'].sort(),
      )
    }
  })
  it('passes premake on to pg_partman, and does without', async () => {
    await installPartman(h.sql)
    const pgmq = protocolOf(h)
    await pgmq.createPartitioned('with_premake', { premake: 9 })
    await pgmq.createPartitioned('without')
    expect(await h.sql('select parent_table, premake from partman.part_config order by 1')).toEqual([
      { parent_table: 'pgmq.a_with_premake', premake: 9 },
      { parent_table: 'pgmq.a_without', premake: 4 },
      { parent_table: 'pgmq.q_with_premake', premake: 9 },
      { parent_table: 'pgmq.q_without', premake: 4 },
    ])
  })
})
