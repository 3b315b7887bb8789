import { readFileSync } from 'node:fs'
import type pg from 'pg'
import { expect, it } from 'vitest'
import { begin, connect } from './support/connection.js'
import { describeSuite } from './support/harness.js'
import { refusal } from './support/refusal.js'
import { until } from './support/until.js'

const QUEUE = ['autovacuum_vacuum_cost_delay=0', 'autovacuum_vacuum_scale_factor=0', 'autovacuum_vacuum_threshold=5000']
const ARCHIVE = ['autovacuum_vacuum_insert_scale_factor=0.02', 'autovacuum_vacuum_scale_factor=0.02']
const GUIDE = readFileSync(new URL('../../../docs/operations.md', import.meta.url), 'utf8')

describeSuite('the tables of queues', (h) => {
  const settings = async (queue: string): Promise<Record<string, string[]>> => {
    const tables = ['q', 'a'].flatMap((kind) => [`${kind}_${queue}`, `${kind}_${queue}_dlq`])
    const found = await h.sql<{ relname: string; reloptions: string[] | null }>(
      `select relname, reloptions from pg_class where relnamespace = 'pgmq'::regnamespace and relname = any($1)`,
      [tables],
    )
    return Object.fromEntries(found.map(({ relname, reloptions }) => [relname, (reloptions ?? []).sort()]))
  }
  const cared = (queue: string): Record<string, string[]> => ({
    [`q_${queue}`]: QUEUE,
    [`a_${queue}`]: ARCHIVE,
    [`q_${queue}_dlq`]: QUEUE,
    [`a_${queue}_dlq`]: ARCHIVE,
  })
  const plain = (queue: string): Record<string, string[]> =>
    Object.fromEntries(Object.keys(cared(queue)).map((table) => [table, []]))
  /** A queue that somebody else made. */
  const foreign = async (): Promise<string> => {
    const queue = h.queue()
    for (const name of [queue, `${queue}_dlq`]) await h.sql('select pgmq.create($1)', [name])
    return queue
  }
  const logger = () => {
    const lines: string[] = []
    const line = (_fields: object, message: string): void => void lines.push(message)
    return { lines, debug: () => undefined, info: () => undefined, warn: line, error: line }
  }

  it('get autovacuum settings fit for a queue when they are created', async () => {
    const [explicit, implicit] = [h.queue(), h.queue()]
    await h.client.queues.create(explicit)
    await h.client.enqueue(implicit, { n: 1 })
    expect(await settings(explicit)).toEqual(cared(explicit))
    expect(await settings(implicit)).toEqual(cared(implicit))
  })

  it('are left alone where the client is told so', async () => {
    const queue = h.queue()
    await h.clientWith({ tuneQueues: false }).queues.create(queue)
    expect(await settings(queue)).toEqual(plain(queue))
  })

  it('are left alone where others made them', async () => {
    const queue = await foreign()
    await h.client.queues.create(queue)
    await h.client.enqueue(queue, { n: 1 })
    expect(await settings(queue)).toEqual(plain(queue))
  })

  it('get them beside a transaction that needs the queue, and inside one that has nothing else', async () => {
    const [beside, inside, committed] = [h.queue(), h.queue(), h.queue()]
    const tx = await begin(h)
    await h.client.with(tx).enqueue(beside, { n: 1 })
    await tx.query('commit')
    expect(await settings(beside)).toEqual(cared(beside))

    const only = await connect(h)
    const client = h.clientWith({}, only as unknown as pg.Pool)
    await only.query('begin')
    await client.enqueue(inside, { n: 1 })
    await only.query('commit')
    expect(await settings(inside)).toEqual(cared(inside))
    await client.enqueue(committed, { n: 1 })
    expect(await settings(committed)).toEqual(cared(committed))
  })

  it('of another owner cost no creation, in and out of a transaction', async () => {
    const [outside, inside] = [h.queue(), h.queue()]
    const [{ me } = { me: '' }] = await h.sql<{ me: string }>('select quote_ident(current_user) me')
    await h.sql(`drop role if exists creator`)
    await h.sql(`create role creator login`)
    await h.sql(`grant usage, create on schema pgmq to creator`)
    await h.sql(`grant select, insert, update on all tables in schema pgmq to creator`)
    // Some hosts hand out pgmq by functions that belong to their owner.
    await h.sql(`alter function pgmq.create(text) security definer`)
    await h.sql(`grant ${me} to current_user`).catch(() => undefined)
    await h.sql(`alter default privileges in schema pgmq grant select, insert on tables to creator`)
    try {
      const log = logger()
      const pool = h.poolWith({ max: 2, options: '-c role=creator' })
      await h.clientWith({ logger: log }, pool).queues.create(outside)
      expect(await settings(outside)).toEqual(plain(outside))
      expect(log.lines).toEqual([
        expect.stringContaining(`queue '${outside}_dlq' keeps PostgreSQL's autovacuum settings: its tables are not of`),
        expect.stringContaining(`queue '${outside}' keeps PostgreSQL's autovacuum settings: its tables are not of`),
      ])
      const only = await connect(h, { options: '-c role=creator' })
      await only.query('begin')
      await h.clientWith({}, only as unknown as pg.Pool).enqueue(inside, { n: 1 })
      await only.query('commit')
      expect(await settings(inside)).toEqual(plain(inside))
      const error = await refusal(h.clientWith({}, pool).queues.tune(inside), 'PERMISSION_DENIED')
      expect(error.message).toMatch(/^role creator may not tune queue "queue_\d+" \(must be owner of table/)
    } finally {
      await h.sql(`alter function pgmq.create(text) security invoker`)
    }
  })

  // ── Those that are there already ────────────────────────────────────────────────────────────────

  it('get them by queues.tune, again and again, and keep their other settings', async () => {
    const queue = await foreign()
    await h.sql(`alter table pgmq.q_${queue} set (fillfactor = 70, autovacuum_vacuum_threshold = 1)`)
    await h.client.queues.tune(queue)
    await h.client.queues.tune(queue)
    expect(await settings(queue)).toEqual({ ...cared(queue), [`q_${queue}`]: [...QUEUE, 'fillfactor=70'] })
    await h.client.queues.drop(`${queue}_dlq`)
    await h.client.queues.tune(queue)
  })

  it('that are missing are refused by tune', async () => {
    const error = await refusal(h.client.queues.tune('nowhere'), 'QUEUE_NOT_FOUND')
    expect(error.message).toContain('cannot tune queue "nowhere": there is no queue "nowhere"')
  })

  it('get them while senders and readers have transactions open, and stop none', async () => {
    const queue = await foreign()
    const [sender, reader] = [await begin(h), await begin(h)]
    await sender.query(`select pgmq.send('${queue}', '{}')`)
    await reader.query(`select from pgmq.q_${queue} for update`)
    await h.client.queues.tune(queue)
    expect(await settings(queue)).toEqual(cared(queue))
  })

  it('wait for whoever vacuums them, while senders go on, and say so in the end', async () => {
    const queue = await foreign()
    const vacuum = await begin(h)
    await vacuum.query(`lock table pgmq.q_${queue} in share update exclusive mode`)
    const tuned = refusal(h.client.queues.tune(queue), 'QUERY_FAILED')
    await until('it waits', async () => {
      const waiting = await h.sql(`select from pg_locks where not granted and relation = 'pgmq.q_${queue}'::regclass`)
      return waiting.length > 0
    })
    await h.client.enqueue(queue, { n: 1 })
    expect(await tuned).toMatchObject({
      message: `cannot tune queue "${queue}": a vacuum, or a change, of its tables is under way. Try again when it is done`,
      details: { sqlState: '57014' },
    })
    await vacuum.query('rollback')
    await h.client.queues.tune(queue)
    expect(await settings(queue)).toEqual(cared(queue))
  })

  it('get the same by the lines that the guide has for psql', async () => {
    const queue = await foreign()
    const [, block = ''] = /```sql title="tune"\n([\s\S]*?)```/.exec(GUIDE) ?? []
    await h.sql(block.replaceAll('user_tasks', queue))
    expect(await settings(queue)).toEqual(cared(queue))
  })
})
