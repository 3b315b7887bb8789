import type { MessageRecord, Protocol } from '@pgmq/core/protocol'
import { expect, it } from 'vitest'
import { begin, connect } from './support/connection.js'
import { describeSuite } from './support/harness.js'
import { protocolOf } from './support/protocol.js'
import { until } from './support/until.js'

describeSuite('grouped reads of the protocol', (h) => {
  const bodies = (found: readonly { readonly body: unknown }[]): unknown[] => found.map(({ body }) => body)

  /** Messages 1, 2, 3 … in these groups; `-` for none. */
  async function filled(groups: string): Promise<string> {
    const queue = h.queue()
    const pgmq = protocolOf(h)
    await pgmq.create(queue)
    await pgmq.sendBatch(
      queue,
      [...groups].map((_group, i) => i + 1),
      { headers: [...groups].map((group) => (group === '-' ? null : { 'x-pgmq-group': group })) },
    )
    return queue
  }

  it('fill the batch group by group, the oldest first, whatever order the server answers in', async () => {
    const queue = await filled('abacb-a-')
    expect(bodies(await protocolOf(h).readGrouped(queue, { limit: 20 }))).toEqual([1, 3, 7, 2, 5, 4, 6, 8])
  })

  it('take groups in turn', async () => {
    const queue = await filled('aaabbc-')
    expect(bodies(await protocolOf(h).readGroupedRr(queue, { limit: 20 }))).toEqual([1, 4, 6, 7, 2, 5, 3])
  })

  it('take the head of each group', async () => {
    const queue = await filled('aaabbc-')
    const pgmq = protocolOf(h)
    expect(bodies(await pgmq.readGroupedHead(queue, { limit: 20 }))).toEqual([1, 4, 6, 7])
    expect(await pgmq.readGroupedHead(queue, { limit: 20 })).toEqual([])
  })

  it('wait for the message before in the group', async () => {
    const queue = await filled('aab')
    const pgmq = protocolOf(h)
    expect(bodies(await pgmq.readGrouped(queue))).toEqual([1])
    expect(bodies(await pgmq.readGrouped(queue, { limit: 9 }))).toEqual([3])
    await pgmq.delete(queue, '1')
    expect(bodies(await pgmq.readGrouped(queue, { limit: 9 }))).toEqual([2])
  })

  it.each<[string, Protocol['readGroupedWithPoll']]>([
    ['readGroupedWithPoll', (...args) => protocolOf(h).readGroupedWithPoll(...args)],
    ['readGroupedRrWithPoll', (...args) => protocolOf(h).readGroupedRrWithPoll(...args)],
    ['readGroupedHeadWithPoll, which came with pgmq 1.12', (...args) => protocolOf(h).readGroupedHeadWithPoll(...args)],
  ])('poll: %s', async (_name, read) => {
    const queue = await filled('a')
    const pgmq = protocolOf(h)
    await pgmq.delete(queue, '1')
    const polling = read(queue, { pollIntervalMs: 10, maxPollSeconds: 20 })
    await pgmq.send(queue, 'late')
    expect(bodies(await polling)).toEqual(['late'])
  })

  it('tell all of a message', async () => {
    const queue = await filled('a')
    const [found] = await protocolOf(h).readGrouped(queue, { visibilitySeconds: 3600 })
    expect(found).toMatchObject({ queue, id: '1', body: 1, headers: { 'x-pgmq-group': 'a' }, readCount: 1 })
    const { lastReadAt, visibleAt } = found as MessageRecord & { lastReadAt: Date }
    expect(Math.abs(lastReadAt.getTime() - Date.now())).toBeLessThan(10_000)
    expect(Math.abs(visibleAt.getTime() - lastReadAt.getTime() - 3_600_000)).toBeLessThan(1000)
  })

  it('work inside a transaction', async () => {
    const queue = await filled('ab')
    const tx = await begin(h)
    expect(bodies(await protocolOf(h).with(tx).readGrouped(queue))).toEqual([1])
    await tx.query('rollback')
    expect(bodies(await protocolOf(h).readGrouped(queue))).toEqual([1])
  })

  // ── The index ───────────────────────────────────────────────────────────────────────────────────

  const scans = async (queue: string): Promise<number> => {
    const [row] = await h.sql<{ scans: string | null }>(
      `select max(idx_scan) scans from pg_stat_user_indexes where relname = $1 and indexrelname like '%coalesce%'`,
      [`q_${queue}`],
    )
    return Number(row?.scans)
  }

  it('search by an index of ours, which is made once', async () => {
    const queue = await filled('a')
    const pgmq = protocolOf(h)
    await h.sql(
      `insert into pgmq.q_${queue} (vt, message, headers)
       select now(), '1', jsonb_build_object('x-pgmq-group', (i % 500)::text) from generate_series(1, 20000) i`,
    )
    expect(await pgmq.createGroupIndex(queue)).toBe(true)
    expect(await pgmq.createGroupIndex(queue)).toBe(false)
    expect(await protocolOf(h).createGroupIndex(queue)).toBe(false)
    await h.sql(`analyze pgmq.q_${queue}`)
    expect(await pgmq.readGrouped(queue, { limit: 5 })).toHaveLength(5)
    await until('the index is used', async () => (await scans(queue)) > 0)
  })

  it('do not take the index of upstream’s helper for ours', async () => {
    const queue = await filled('a')
    await h.sql('select pgmq.create_fifo_index($1)', [queue])
    expect(await protocolOf(h).createGroupIndex(queue)).toBe(true)
  })

  it('get their index beside an open sender, and while others send', async () => {
    const queue = await filled('a')
    const pgmq = protocolOf(h)
    const tx = await begin(h)
    await pgmq.with(tx).send(queue, 1)
    const indexing = pgmq.createGroupIndex(queue)
    // It waits for the open transaction, and nobody waits for it.
    const sender = await connect(h, { options: '-c lock_timeout=1000' })
    await until('it waits', async () => {
      await protocolOf(h).with(sender).send(queue, 2)
      const waiting = await h.sql(
        `select from pg_stat_activity where query like 'create index%' and wait_event_type = 'Lock' and datname = current_database()`,
      )
      return waiting.length > 0
    })
    await protocolOf(h).with(sender).send(queue, 3)
    await tx.query('commit')
    expect(await indexing).toBe(true)
  })

  it('get their index inside a transaction', async () => {
    const queue = await filled('a')
    const tx = await begin(h)
    const pgmq = protocolOf(h).with(tx)
    expect(await pgmq.createGroupIndex(queue)).toBe(true)
    expect(await pgmq.createGroupIndex(queue)).toBe(false)
    await tx.query('commit')
  })

  it('get their index in place of one that a failure left behind', async () => {
    const queue = await filled('a')
    await protocolOf(h).createGroupIndex(queue)
    await h.sql(
      `update pg_index set indisvalid = false where indrelid = 'pgmq.q_${queue}'::regclass and indexprs is not null`,
    )
    expect(await protocolOf(h).createGroupIndex(queue)).toBe(true)
    const left = await h.sql(
      `select from pg_index where indrelid = 'pgmq.q_${queue}'::regclass and indexprs is not null`,
    )
    expect(left).toHaveLength(1)
  })
})
