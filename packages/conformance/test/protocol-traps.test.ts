import type { Protocol } from '@pgmq/core/protocol'
import { expect, it } from 'vitest'
import { begin, connect } from './support/connection.js'
import { describeSuite } from './support/harness.js'
import { rows } from './support/look.js'
import { installPartman } from './support/pgmq-shapes.js'
import { bothScopes, protocolOf } from './support/protocol.js'
import { refusal } from './support/refusal.js'

describeSuite('the protocol and the traps of pgmq:', (h) => {
  async function filled(count: number): Promise<string> {
    const queue = h.queue()
    const pgmq = protocolOf(h)
    await pgmq.create(queue)
    if (count > 0)
      await pgmq.sendBatch(
        queue,
        Array.from({ length: count }, (_, n) => n),
      )
    return queue
  }
  const meta = async (like: string): Promise<string[]> =>
    (
      await h.sql<{ queue_name: string }>('select queue_name from pgmq.meta where queue_name ilike $1 order by 1', [
        like,
      ])
    ).map((row) => row.queue_name)
  /** Sends until `work` is done; no send may wait long. */
  async function whileSending<T>(queue: string, work: Promise<T>): Promise<T> {
    const sender = await connect(h, { options: '-c statement_timeout=1500' })
    const pgmq = protocolOf(h).with(sender)
    let over = false
    const result = work.finally(() => {
      over = true
    })
    result.catch(() => undefined)
    while (!over) {
      await pgmq.send(queue, 'meanwhile')
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    return await result
  }

  // ── Purge, drop ─────────────────────────────────────────────────────────────────────────────────

  it('a purge behind an open reader stops no sender, and takes what was there', async () => {
    const queue = await filled(25)
    const reader = await begin(h)
    await reader.query(`select from pgmq.q_${queue}`)
    expect(await whileSending(queue, protocolOf(h).purge(queue))).toBeGreaterThanOrEqual(25)
    expect(await h.sql(`select from pgmq.q_${queue} where message <> '"meanwhile"'`)).toEqual([])
  })

  it('a purge leaves what an open transaction has read, and waits for nobody', async () => {
    const queue = await filled(3)
    const tx = await begin(h)
    await protocolOf(h).with(tx).read(queue)
    expect(await protocolOf(h).purge(queue)).toBe(2)
    expect((await rows(h, `q_${queue}`)).map(({ msg_id }) => msg_id)).toEqual(['1'])
  })

  it('a purge in more than one batch is complete', async () => {
    const queue = await filled(0)
    await h.sql(`insert into pgmq.q_${queue} (vt, message) select now(), '1' from generate_series(1, 25000)`)
    const reader = await begin(h)
    await reader.query(`select from pgmq.q_${queue} limit 1`)
    expect(await protocolOf(h).purge(queue)).toBe(25_000)
  })

  it('a purge with nobody in its way truncates, and ids go on', async () => {
    const queue = await filled(3)
    const [before] = await h.sql<{ node: string }>(`select pg_relation_filenode('pgmq.q_${queue}') node`)
    expect(await protocolOf(h).purge(queue)).toBe(3)
    expect(await protocolOf(h).purge(queue)).toBe(0)
    expect(await h.sql(`select pg_relation_filenode('pgmq.q_${queue}') node`)).not.toEqual([before])
    expect(await protocolOf(h).send(queue, 1)).toBe('4')
  })

  it('a purge does without the right to truncate', async () => {
    const queue = await filled(3)
    await h.sql('drop role if exists sweeper')
    await h.sql(`create role sweeper; grant usage on schema pgmq to sweeper`)
    await h.sql(`grant select, update, delete on pgmq.q_${queue} to sweeper`)
    const pgmq = protocolOf({ client: h.clientWith({}, h.poolWith({ options: '-c role=sweeper' })) })
    expect(await pgmq.purge(queue)).toBe(3)
    await h.sql(`revoke delete on pgmq.q_${queue} from sweeper`)
    await h.sql(`insert into pgmq.q_${queue} (vt, message) values (now(), '1')`)
    const { details } = await refusal(pgmq.purge(queue), 'PERMISSION_DENIED')
    expect(details.grant).toContain(`grant select, update, delete on pgmq."q_${queue}" to sweeper`)
    await h.sql('drop owned by sweeper; drop role sweeper')
  })

  it('a purge inside a transaction rolls back with it', async () => {
    const queue = await filled(3)
    const tx = await begin(h)
    expect(await protocolOf(h).with(tx).purge(queue)).toBe(3)
    await tx.query('rollback')
    expect(await rows(h, `q_${queue}`)).toHaveLength(3)
  })

  it('a drop behind an open reader stops no sender, and says why it gave up', async () => {
    const queue = await filled(1)
    const reader = await begin(h)
    await reader.query(`select from pgmq.q_${queue}`)
    const error = await refusal(whileSending(queue, protocolOf(h).drop(queue)), 'QUERY_FAILED')
    expect(error.details.sqlState).toBe('55P03')
    expect(error.message).toContain(`cannot drop queue "${queue}": a transaction on the queue is open`)
    await reader.query('rollback')
    expect(await protocolOf(h).drop(queue)).toBe(true)
    expect(await protocolOf(h).drop(queue)).toBe(false)
  })

  it('a time-out of ours ends with its statement', async () => {
    const pool = h.poolWith({ max: 1 })
    const queue = await filled(1)
    const pgmq = protocolOf({ client: h.clientWith({}, pool) })
    await pgmq.purge(queue)
    await pgmq.drop(queue)
    expect((await pool.query('show lock_timeout')).rows).toEqual([{ lock_timeout: '0' }])
  })

  it("a drop inside a transaction waits as that one's lock_timeout has it, which stays", async () => {
    const queue = await filled(1)
    const reader = await begin(h)
    await reader.query(`select from pgmq.q_${queue}`)
    for (const free of [false, true]) {
      const tx = await begin(h)
      await tx.query(`set local lock_timeout = '70ms'`)
      const dropped = protocolOf(h).with(tx).drop(queue)
      if (free) expect(await dropped).toBe(true)
      else expect((await refusal(dropped, 'QUERY_FAILED')).details.sqlState).toBe('55P03')
      if (free) expect((await tx.query('show lock_timeout')).rows).toEqual([{ lock_timeout: '70ms' }])
      await tx.query('rollback')
      await reader.query('rollback')
    }
  })

  // ── Create ──────────────────────────────────────────────────────────────────────────────────────

  it('create runs again under an open reader and sender, without waiting', async () => {
    const queue = await filled(1)
    const tx = await begin(h)
    await tx.query(`select from pgmq.q_${queue} for update`)
    await protocolOf(h).with(tx).send(queue, 2)
    const impatient = protocolOf(h).with(await connect(h, { options: '-c lock_timeout=200' }))
    expect(await impatient.create(queue)).toBe(false)
    expect(await impatient.create(queue, { unlogged: true })).toBe(false)
  })

  it('many create one queue at the same time', async () => {
    const queue = h.queue()
    const made = await Promise.all(Array.from({ length: 8 }, () => protocolOf(h).create(queue)))
    expect(made).toContain(true)
    expect(await meta(queue)).toEqual([queue])
  })

  it('unlogged queues are listed as such', async () => {
    const queue = h.queue()
    await protocolOf(h).create(queue, { unlogged: true })
    expect((await protocolOf(h).listQueues()).find(({ name }) => name === queue)).toMatchObject({ unlogged: true })
  })

  it('a queue that only its table is left of is listed again', async () => {
    const queue = await filled(1)
    await h.sql('delete from pgmq.meta where queue_name = $1', [queue])
    expect(await protocolOf(h).create(queue)).toBe(true)
    expect(await meta(queue)).toEqual([queue])
  })

  it('a queue with capitals beyond ASCII is found where the server folds them', async () => {
    await h.sql(`select pgmq.create('Über')`)
    await h.sql(`select pgmq.send('Über', '1')`)
    const [folded] = await h.sql<{ text: string }>(`select lower('Über') as text`)
    const reading = protocolOf(h).read('Über')
    if (folded?.text === 'über') expect(await reading).toMatchObject([{ message: 1 }])
    else await refusal(reading, 'QUEUE_NOT_FOUND')
    expect(await protocolOf(h).drop('Über')).toBe(true)
  })

  it.each([
    ['capitals, whose tables collide', 'Emails'],
    ['a hyphen', 'my-queue'],
    ['characters of several bytes, which truncate', 'ä'.repeat(47)],
    ['48 characters', 'a'.repeat(48)],
    ['the ending of an index', 'emails_vt_idx'],
    ['the ending of a sequence', 'emails_msg_id_seq'],
    ['nothing', ''],
  ])('a name of %s is refused before anything is sent', async (_what, name) => {
    for (const { pgmq, end } of await bothScopes(h)) {
      expect((await refusal(pgmq.create(name), 'QUEUE_NAME_INVALID')).details.queue).toBe(name)
      await refusal(pgmq.createPartitioned(name), 'QUEUE_NAME_INVALID')
      await end()
    }
    expect(await meta(name)).toEqual([])
  })

  it('all 47 characters of a name are its own', async () => {
    const queue = 'a'.repeat(47)
    const pgmq = protocolOf(h)
    expect(await pgmq.create(queue)).toBe(true)
    await pgmq.send(queue, 1)
    expect(await pgmq.metrics(queue)).toMatchObject({ length: 1 })
    expect(await pgmq.createGroupIndex(queue)).toBe(true)
    expect(await pgmq.drop(queue)).toBe(true)
  })

  it('a name is refused that another’s tables, indexes or partitions have', async () => {
    await h.sql(`select pgmq.create('Folded')`)
    expect((await refusal(protocolOf(h).create('folded'), 'QUEUE_NAME_INVALID')).message).toContain('"Folded"')
    await h.sql(`select pgmq.create('taken_vt_idx')`)
    expect((await refusal(protocolOf(h).create('taken'), 'QUEUE_NAME_INVALID')).message).toContain('"q_taken_vt_idx"')
    await h.sql('create table pgmq.q_parted (msg_id bigint) partition by range (msg_id)')
    await h.sql('create table pgmq.q_parted_p1 partition of pgmq.q_parted default')
    await refusal(protocolOf(h).create('parted_p1'), 'QUEUE_NAME_INVALID')
    await h.sql('drop table pgmq.q_parted')
  })

  it.each(['MyQueue', 'with space', 'dots.and-hyphens', 'quoted"name', 'x_vt_idx', 'ä'.repeat(20)])(
    'a queue of others is read and written, though we would not create it: %s',
    async (name) => {
      await h.sql('select pgmq.create($1)', [name])
      for (const { pgmq, end } of await bothScopes(h)) {
        const id = await pgmq.send(name, { n: 1 }, { headers: { 'x-pgmq-group': 'a' } })
        expect(await pgmq.readGrouped(name, { visibilitySeconds: 0 })).toMatchObject([{ queue: name, id }])
        expect(await pgmq.read(name, { visibilitySeconds: 0 })).toMatchObject([{ queue: name, id }])
        expect(await pgmq.metrics(name)).toMatchObject({ queue: name, length: 1 })
        expect(await pgmq.metricsEstimate(name)).toMatchObject({ queue: name, length: 1 })
        expect(await pgmq.archive(name, id)).toBe(true)
        await pgmq.enableNotifyInsert(name)
        await pgmq.disableNotifyInsert(name)
        await pgmq.bindTopic('others.*', name)
        expect(await pgmq.purge(name)).toBe(0)
        await end()
      }
      expect(await protocolOf(h).drop(name)).toBe(true)
      expect(await meta(name)).toEqual([])
    },
  )

  // ── Metrics ─────────────────────────────────────────────────────────────────────────────────────

  async function brokenQueues(): Promise<string> {
    await h.sql(`select pgmq.create('Twin'), pgmq.create('twin')`)
    await h.sql(`select pgmq.drop_queue('twin')`)
    await h.sql(
      `insert into pgmq.meta (queue_name, is_partitioned, is_unlogged) values ('it''s', false, false) on conflict do nothing`,
    )
    return await filled(2)
  }

  it('metrics of all survive broken queues, and tell them apart', async () => {
    const queue = await brokenQueues()
    await expect(h.sql('select pgmq.metrics_all()')).rejects.toMatchObject({ code: '42P01' })
    for (const { pgmq, end } of await bothScopes(h)) {
      const { queues, broken } = await pgmq.metricsAll()
      expect(queues.find((one) => one.queue === queue)).toMatchObject({ length: 2, visibleLength: 2, totalMessages: 2 })
      expect(queues.map((one) => one.queue)).toEqual(queues.map((one) => one.queue).sort())
      expect(broken).toEqual(
        expect.arrayContaining([
          { queue: 'Twin', reason: 'missing' },
          { queue: "it's", reason: 'name' },
        ]),
      )
      await end()
    }
    // Which upstream's own drop does not mend.
    expect(await protocolOf(h).drop('Twin')).toBe(true)
    expect(await meta('twin')).toEqual([])
    await h.sql(`delete from pgmq.meta where queue_name = 'it''s'`)
  })

  it('metrics of all leave out what a role may not see', async () => {
    const [open, closed] = [await filled(1), await filled(1)]
    await h.sql(`drop role if exists onlooker`)
    await h.sql(`create role onlooker`)
    await h.sql(
      `grant usage on schema pgmq to onlooker; grant select on pgmq.meta, pgmq.q_${open}, pgmq.q_${open}_msg_id_seq to onlooker`,
    )
    const connection = await connect(h)
    await connection.query('set role onlooker')
    const { queues, broken } = await protocolOf(h).with(connection).metricsAll()
    expect(queues.map(({ queue }) => queue)).toEqual([open])
    expect(broken).toContainEqual({ queue: closed, reason: 'denied' })
    const refused = await refusal(protocolOf(h).with(connection).send(open, 1), 'PERMISSION_DENIED')
    expect(refused.details.grant).toContain(`grant insert, select on pgmq."q_${open}"`)
    await h.sql('drop owned by onlooker; drop role onlooker')
  })

  it('metrics of an empty queue have no ages', async () => {
    const queue = await filled(0)
    const none = {
      queue,
      length: 0,
      visibleLength: 0,
      oldestAgeSeconds: null,
      newestAgeSeconds: null,
      totalMessages: 0,
    }
    expect(await protocolOf(h).metrics(queue)).toEqual({
      ...none,
      scrapedAt: expect.any(Date),
      defaultPartitionLength: null,
    })
    expect(await protocolOf(h).metricsEstimate(queue)).toEqual({ ...none, exact: true })
  })

  it('the estimate of a long queue is near, and looks at no more than some of its rows', async () => {
    const queue = await filled(0)
    const pgmq = protocolOf(h)
    await h.sql(
      `insert into pgmq.q_${queue} (vt, message, enqueued_at)
       select now() + case when i % 100 = 0 then interval '1 day' else interval '0' end, '1', now() - interval '1 hour' from generate_series(1, 60000) i`,
    )
    // Nobody has analysed it yet: then the ids tell.
    expect(await pgmq.metricsEstimate(queue)).toMatchObject({ length: 60_000, visibleLength: 59_400, exact: false })
    await h.sql(`delete from pgmq.q_${queue} where msg_id % 2 = 1`)
    await h.sql(`vacuum analyze pgmq.q_${queue}`)
    const estimate = await pgmq.metricsEstimate(queue)
    expect(estimate).toMatchObject({ exact: false, totalMessages: 60_000 })
    expect(Math.abs((estimate.oldestAgeSeconds as number) - 3600)).toBeLessThan(60)
    expect(Math.abs(estimate.length - 30_000)).toBeLessThan(3000)
    expect(Math.abs(estimate.visibleLength - 29_400)).toBeLessThan(3000)
    const tx = await begin(h)
    await protocolOf(h).with(tx).metricsEstimate(queue)
    const { rows: seen } = await tx.query<{ rows: string }>(
      'select seq_tup_read + idx_tup_fetch rows from pg_stat_xact_user_tables where relname = $1',
      [`q_${queue}`],
    )
    expect(Number(seen[0]?.rows)).toBeLessThan(25_000)
  })

  // ── Archive ─────────────────────────────────────────────────────────────────────────────────────

  it('an id that the archive has already is no error, and the older message stays there', async () => {
    const queue = await filled(3)
    const pgmq = protocolOf(h)
    await h.sql(`insert into pgmq.a_${queue} (msg_id, vt, message) values (2, now(), '"older"')`)
    await expect(h.sql('select pgmq.archive($1, 2::bigint)', [queue])).rejects.toMatchObject({ code: '23505' })
    expect(await pgmq.archive(queue, ['1', '2', '3'])).toEqual(['1', '2', '3'])
    expect((await rows(h, `a_${queue}`)).map(({ message }) => message)).toEqual([0, 'older', 2])
    expect(await rows(h, `q_${queue}`)).toEqual([])
  })

  // ── Tables from before an update ────────────────────────────────────────────────────────────────

  it('a queue that lacks last_read_at, as those made on an updated 1.10.0 do, works but for groups', async () => {
    for (const { pgmq, end } of await bothScopes(h)) {
      const queue = await filled(4)
      for (const table of ['q', 'a']) await h.sql(`alter table pgmq.${table}_${queue} drop column last_read_at`)
      expect(await pgmq.read(queue)).toMatchObject([{ id: '1', lastReadAt: null }])
      expect(await pgmq.setVt(queue, '1', 0)).toMatchObject({ id: '1' })
      expect(await pgmq.pop(queue)).toMatchObject([{ id: '1' }])
      expect(await pgmq.archive(queue, ['2'])).toEqual(['2'])
      expect((await refusal(pgmq.readGroupedHead(queue), 'FEATURE_UNSUPPORTED')).message).toContain(
        `alter table pgmq."q_${queue}" add column if not exists last_read_at timestamptz`,
      )
      expect(await pgmq.send(queue, 1)).toBe('5')
      await end()
    }
    await expect(h.sql('select pgmq.read($1, 1, 1)', [await broken()])).rejects.toMatchObject({ code: '42703' })
  })
  async function broken(): Promise<string> {
    const queue = await filled(1)
    await h.sql(`alter table pgmq.q_${queue} drop column last_read_at`)
    return queue
  }

  // ── Missing ─────────────────────────────────────────────────────────────────────────────────────

  it.each<[string, (pgmq: Protocol) => Promise<unknown>]>([
    ['send', (p) => p.send('not_there', 1)],
    ['read', (p) => p.read('not_there')],
    ['readGroupedRr', (p) => p.readGroupedRr('not_there')],
    ['pop', (p) => p.pop('not_there')],
    ['setVt', (p) => p.setVt('not_there', '1', 1)],
    ['archive', (p) => p.archive('not_there', '1')],
    ['delete', (p) => p.delete('not_there', ['1'])],
    ['metrics', (p) => p.metrics('not_there')],
    ['metricsEstimate', (p) => p.metricsEstimate('not_there')],
    ['purge', (p) => p.purge('not_there')],
    ['bindTopic', (p) => p.bindTopic('a', 'not_there')],
    ['createGroupIndex', (p) => p.createGroupIndex('not_there')],
    ['convertArchivePartitioned', (p) => p.convertArchivePartitioned('not_there')],
  ])('a queue that is not there is said to be so by %s, and a transaction lives on', async (_name, call) => {
    const queue = await filled(0)
    for (const { pgmq, end } of await bothScopes(h)) {
      const error = await refusal(call(pgmq), 'QUEUE_NOT_FOUND')
      expect(error.message).toMatch(/there is no queue "not_there"\. Create it: await pgmq\.create\("not_there"\)$/)
      await pgmq.send(queue, 1)
      await end()
    }
  })
})

describeSuite('the protocol without the extension', (h) => {
  it.each<[string, (pgmq: Protocol) => Promise<unknown>]>([
    ['send', (p) => p.send('some', 1)],
    ['create', (p) => p.create('some')],
    ['drop', (p) => p.drop('some')],
    ['listQueues', (p) => p.listQueues()],
    ['metricsAll', (p) => p.metricsAll()],
    ['readGrouped', (p) => p.readGrouped('some')],
    ['sendTopic', (p) => p.sendTopic('a.b', 1)],
    ['listNotifyInsertThrottles', (p) => p.listNotifyInsertThrottles()],
  ])('says so: %s', async (_name, call) => {
    await h.sql('drop extension if exists pgmq cascade')
    await h.sql('drop schema if exists pgmq cascade')
    for (const { pgmq, end } of await bothScopes(h)) {
      expect((await refusal(call(pgmq), 'EXTENSION_MISSING')).message).toContain('CREATE EXTENSION pgmq')
      await end()
    }
  })
})

describeSuite('partitioned queues of the protocol', (h) => {
  it('say that pg_partman is missing, and a transaction lives on', async () => {
    for (const { pgmq, end } of await bothScopes(h)) {
      const queue = h.queue()
      const error = await refusal(pgmq.createPartitioned(queue), 'FEATURE_UNSUPPORTED')
      expect(error.message).toBe(
        `cannot create partitioned queue "${queue}": the extension pg_partman is not in this database. As a superuser: CREATE EXTENSION pg_partman; or: create, which needs none`,
      )
      expect(await pgmq.create(queue)).toBe(true)
      await refusal(pgmq.convertArchivePartitioned(queue), 'FEATURE_UNSUPPORTED')
      await end()
    }
  })

  it('are created once, and do what others do', async () => {
    await installPartman(h.sql)
    const queue = h.queue()
    const pgmq = protocolOf(h)
    expect(await pgmq.createPartitioned(queue, { partitionInterval: 50, retentionInterval: '500' })).toBe(true)
    expect(await pgmq.createPartitioned(queue)).toBe(false)
    expect(
      (await refusal(pgmq.createPartitioned(h.queue(), { premake: 8 }), 'FEATURE_UNSUPPORTED')).details.since,
    ).toBe('1.13.0')
    const ids = await pgmq.sendBatch(queue, [1, 2, 3], { headers: [{ 'x-pgmq-group': 'a' }, null, null] })
    expect(await pgmq.createGroupIndex(queue)).toBe(true)
    expect(await pgmq.createGroupIndex(queue)).toBe(false)
    expect(await pgmq.readGroupedHead(queue, { limit: 9, visibilitySeconds: 0 })).toHaveLength(2)
    expect((await pgmq.read(queue, { limit: 9 })).map(({ id }) => id)).toEqual(ids)
    expect(await pgmq.archive(queue, ids[0] as string)).toBe(true)
    expect(await pgmq.metrics(queue)).toMatchObject({ length: 2, totalMessages: 3 })
    expect(await pgmq.metricsEstimate(queue)).toMatchObject({ length: 2, totalMessages: 3, exact: true })
    expect((await pgmq.listQueues()).find(({ name }) => name === queue)).toMatchObject({ partitioned: true })
    expect(await pgmq.purge(queue)).toBe(2)
    expect(await pgmq.drop(queue)).toBe(true)
    expect(await h.sql('select from partman.part_config')).toEqual([])
  })

  it('can be archives alone', async () => {
    const queue = h.queue()
    const pgmq = protocolOf(h)
    await pgmq.create(queue)
    await pgmq.send(queue, 1)
    await pgmq.convertArchivePartitioned(queue, { partitionInterval: '1 day', retentionInterval: '9 days' })
    expect(await pgmq.archive(queue, '1')).toBe(true)
    expect(await rows(h, `a_${queue}`)).toHaveLength(1)
  })
})
