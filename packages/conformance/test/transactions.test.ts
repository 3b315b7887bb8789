import { once } from 'node:events'
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net'
import { type JsonObject, unchecked } from '@pgmq/core'
import { createClient, defineTask, fromPg, type PgConnection } from '@pgmq/node-pg'
import type pg from 'pg'
import { expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { begin, connect, listen } from './support/connection.js'
import { describeSuite } from './support/harness.js'
import { places, rows } from './support/look.js'
import { refusal } from './support/refusal.js'
import { until } from './support/until.js'

describeSuite('in a transaction', (h) => {
  const created = async (): Promise<string> => {
    const queue = h.queue()
    await h.client.queues.create(queue)
    return queue
  }
  const exists = async (queue: string): Promise<boolean> =>
    (await h.sql<{ there: boolean }>('select to_regclass($1) is not null there', [`pgmq.q_${queue}`]))[0]?.there ===
    true

  // ── Commit and rollback ─────────────────────────────────────────────────────────────────────────

  it('a job is there once the transaction commits, and not before', async () => {
    const queue = await created()
    const tx = await begin(h)
    await h.client.with(tx).enqueue(queue, { n: 1 })
    await h.client.with(tx).enqueueMany(queue, [{ n: 2 }, { n: 3 }])
    expect((await places(h, queue)).queue).toBe(0)
    await tx.query('commit')
    expect((await rows(h, `q_${queue}`)).map(({ message }) => message.n)).toEqual([1, 2, 3])
  })

  it('a job is gone once the transaction rolls back', async () => {
    const queue = await created()
    const tx = await begin(h)
    await h.client.with(tx).enqueue(queue, { n: 1 })
    await tx.query('rollback')
    expect((await places(h, queue)).queue).toBe(0)
  })

  it('only the jobs of a savepoint go with it', async () => {
    const queue = await created()
    const tx = await begin(h)
    await h.client.with(tx).enqueue(queue, { n: 1 })
    await tx.query('savepoint s')
    await h.client.with(tx).enqueue(queue, { n: 2 })
    await tx.query('rollback to s')
    await h.client.with(tx).enqueue(queue, { n: 3 })
    await tx.query('commit')
    expect((await rows(h, `q_${queue}`)).map(({ message }) => message.n)).toEqual([1, 3])
  })

  it('concurrent calls take turns on its connection', async () => {
    const queue = await created()
    const tx = await begin(h)
    const client = h.client.with(tx)
    const results = await Promise.all(Array.from({ length: 20 }, (_, n) => client.enqueue(queue, { n })))
    await tx.query('commit')
    const stored = await rows(h, `q_${queue}`)
    expect(stored.map(({ msg_id }) => msg_id)).toEqual(results.map(({ id }) => id))
    expect(stored.map(({ message }) => message.n)).toEqual(results.map((_, n) => n))
  })

  it('one bad call among concurrent ones that ends before the server sees it leaves the others alone', async () => {
    const queue = await created()
    const tx = await begin(h)
    const bodies: JsonObject[] = [{ n: 1 }, { n: '\u0000' }, { n: 3 }]
    await Promise.allSettled(bodies.map((body) => h.client.with(tx).enqueue(queue, body)))
    await tx.query('commit')
    expect((await rows(h, `q_${queue}`)).map(({ message }) => message.n)).toEqual([1, 3])
  })

  it('a lease that rolled back is none: its receipt finishes nothing', async () => {
    const queue = h.queue()
    await h.client.enqueue(queue, { n: 1 })
    const tx = await begin(h)
    const stale = await h.client.with(tx).dequeue(queue)
    await tx.query('rollback')
    const held = await h.client.dequeue(queue)
    expect([stale?.readCount, held?.readCount]).toEqual([1, 1])
    expect(await h.client.archive(stale as NonNullable<typeof stale>)).toBe(false)
    expect(await h.client.setVisibility(stale as NonNullable<typeof stale>, 0)).toBe(false)
    expect(await h.client.delete(held as NonNullable<typeof held>)).toBe(true)
  })

  it('an acknowledgement that rolled back leaves the lease as it was', async () => {
    const queue = h.queue()
    await h.client.enqueue(queue, { n: 1 })
    const message = await h.client.dequeue(queue)
    const tx = await begin(h)
    expect(await h.client.with(tx).archive(message as NonNullable<typeof message>)).toBe(true)
    await tx.query('rollback')
    expect(await places(h, queue)).toEqual({ queue: 1, archive: 0, dlq: 0 })
    expect(await h.client.archive(message as NonNullable<typeof message>)).toBe(true)
  })

  it('listeners are woken at the commit, once', async () => {
    const queue = await created()
    const heard = await listen(h, `pgmq.q_${queue}.INSERT`)
    const tx = await begin(h)
    for (let n = 0; n < 5; n++) await h.client.with(tx).enqueue(queue, { n })
    await h.sql('select pg_notify($1, $2)', [`pgmq.q_${queue}.INSERT`, 'before the commit'])
    await tx.query('commit')
    await h.sql('select pg_notify($1, $2)', [`pgmq.q_${queue}.INSERT`, 'after the commit'])
    await until('all notifications', () => heard.payloads.includes('after the commit'))
    expect(heard.payloads).toEqual(['before the commit', '', 'after the commit'])
  })

  // ── Queues that are missing ─────────────────────────────────────────────────────────────────────

  it.each(['read committed', 'repeatable read', 'serializable'])(
    'a missing queue is created beside it, under %s',
    async (level) => {
      const task = defineTask({ name: 'ping', queue: h.queue(), input: unchecked<{ n: number }>(), version: 2 })
      const tx = await begin(h, `begin isolation level ${level}`)
      await tx.query('select count(*) from pg_class')
      await h.client.with(tx).enqueue(task, { n: 1 }, { headers: { tenant: 'acme' } })
      await tx.query('commit')
      expect(await places(h, task.queue)).toEqual({ queue: 1, archive: 0, dlq: 0 })
      expect((await rows(h, `q_${task.queue}`))[0]?.headers).toEqual({ tenant: 'acme', 'x-job-version': 2 })
    },
  )

  it.each(['repeatable read', 'serializable'])(
    'a queue that another made after its snapshot takes jobs, under %s',
    async (level) => {
      const queue = h.queue()
      const tx = await begin(h, `begin isolation level ${level}`)
      await tx.query('select count(*) from pg_class')
      await h.sql('select pgmq.create($1)', [queue])
      await h
        .clientWith({})
        .with(tx)
        .enqueue(queue, { n: 1 }, { headers: { tenant: 'acme' } })
      await tx.query('commit')
      expect((await rows(h, `q_${queue}`))[0]).toMatchObject({ message: { n: 1 }, headers: { tenant: 'acme' } })
    },
  )

  it('a missing queue is created though the transaction has the only client of the pool', async () => {
    const queue = h.queue()
    const pool = h.poolWith({ max: 1 })
    const tx = await pool.connect()
    await tx.query('begin')
    await h.clientWith({}, pool).with(tx).enqueue(queue, { n: 1 })
    await tx.query('commit')
    tx.release()
    expect((await places(h, queue)).queue).toBe(1)
  })

  it('a queue created beside it stays when it rolls back', async () => {
    const queue = h.queue()
    const tx = await begin(h)
    await h.client.with(tx).enqueue(queue, { n: 1 })
    await tx.query('rollback')
    expect(await places(h, queue)).toEqual({ queue: 0, archive: 0, dlq: 0 })
  })

  it('a queue that it made itself takes jobs before it commits', async () => {
    const queue = h.queue()
    const tx = await begin(h)
    await tx.query('select pgmq.create($1)', [queue])
    await h.client.with(tx).enqueue(queue, { n: 1 }, { headers: { tenant: 'acme' } })
    await tx.query('commit')
    expect((await rows(h, `q_${queue}`))[0]?.headers).toEqual({ tenant: 'acme' })
  })

  it.each(['', 'savepoint s'])(
    'a queue that it made itself and rolled back is made again by the next (%s)',
    async (s) => {
      const queue = h.queue()
      const tx = await begin(h)
      await tx.query(s)
      await tx.query('select pgmq.create($1)', [queue])
      await h.client.with(tx).enqueue(queue, { n: 1 })
      await tx.query('rollback')
      await tx.query('begin')
      await h.client.with(tx).enqueue(queue, { n: 2 })
      await tx.query('commit')
      expect((await rows(h, `q_${queue}`)).map(({ message }) => message)).toEqual([{ n: 2 }])
    },
  )

  it('a queue that somebody dropped is told, and made again by the next transaction', async () => {
    const queue = await created()
    await h.client.enqueue(queue, { n: 1 })
    await h.sql('select pgmq.drop_queue($1)', [queue])
    const enqueued = h.transaction((tx) => h.client.with(tx).enqueue(queue, { n: 2 }))
    expect((await refusal(enqueued, 'QUEUE_NOT_FOUND')).message).toBe(
      `cannot enqueue into "${queue}": there is no queue "${queue}". It was dropped meanwhile, and that ended your transaction: roll back, and run it again`,
    )
    await h.transaction((tx) => h.client.with(tx).enqueue(queue, { n: 3 }))
    expect((await rows(h, `q_${queue}`)).map(({ message }) => message)).toEqual([{ n: 3 }])
  })

  it('another table that is missing is not taken for the queue', async () => {
    const queue = await created()
    await h.sql(`create function log_${queue}() returns trigger language plpgsql as
      $$ begin insert into nowhere values (1); return new; end $$`)
    await h.sql(`create trigger log before insert on pgmq.q_${queue} for each row execute function log_${queue}()`)
    const enqueued = h.transaction((tx) => h.client.with(tx).enqueue(queue, { n: 1 }))
    expect((await refusal(enqueued, 'QUERY_FAILED')).message).toContain('relation "nowhere" does not exist')
  })

  it('a missing queue is refused in time when no connection is to be had for it, and one that comes late is let go', async () => {
    const sockets: Socket[] = []
    const server = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const slow = new URL(h.url)
    slow.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    const client = h.clientWith({}, h.poolWith({ connectionString: slow.href, connectionTimeoutMillis: 0 }))
    const tx = await begin(h)
    const error = await refusal(client.with(tx).enqueue(h.queue(), { n: 1 }), 'QUEUE_NOT_FOUND')
    expect(error.message).toContain('It could not be created beside your transaction within 2 s')
    expect((await tx.query('select 1 one')).rows).toEqual([{ one: 1 }])

    const [late] = sockets as [Socket]
    const { hostname, port } = new URL(h.url)
    late.pipe(createConnection(Number(port), hostname)).pipe(late)
    await until('the end of the connection', () => late.destroyed)
  })

  it('a missing queue is refused when the server takes no further connection', async () => {
    const [queue, name] = [h.queue(), `one_${new URL(h.url).pathname.slice(1)}`.slice(0, 60)]
    await h.sql(`create role "${name}" login connection limit 1`)
    const url = new URL(h.url)
    url.username = name
    const tx = await begin({ url: url.href })
    onTestFinished(() =>
      tx
        .end()
        .then(() => h.sql(`drop role "${name}"`))
        .then(() => undefined),
    )
    await h.sql(`grant usage on schema pgmq to "${name}"`)
    onTestFinished(() => h.sql(`revoke usage on schema pgmq from "${name}"`).then(() => undefined))
    const client = h.clientWith({}, h.poolWith({ connectionString: url.href }))
    const error = await refusal(client.with(tx).enqueue(queue, { n: 1 }), 'QUEUE_NOT_FOUND')
    expect(String((error.cause as Error).message)).toContain('too many connections for role')
  })

  it.each<[string, (tx: pg.Client) => Promise<unknown>]>([
    ['another transaction', async () => await (await begin(h)).query('lock table pgmq.meta in access exclusive mode')],
    ['the transaction itself', (tx) => tx.query('lock table pgmq.meta in access exclusive mode')],
  ])('a missing queue is refused in time when %s locks creators out', async (_who, lock) => {
    const queue = h.queue()
    const tx = await begin(h)
    await lock(tx)
    const startedMs = performance.now()
    const error = await refusal(h.client.with(tx).enqueue(queue, { n: 1 }), 'QUEUE_NOT_FOUND')
    expect(performance.now() - startedMs).toBeLessThan(6_000)
    expect(error.message).toBe(
      `cannot enqueue into "${queue}": there is no queue "${queue}". It could not be created beside your transaction within 2 s. Before that begins: await client.queues.create("${queue}")`,
    )
    expect((await tx.query('select 1 one')).rows).toEqual([{ one: 1 }])
  })

  it('a queue to be created is refused in time when another locks creators out, as what it is', async () => {
    await (await begin(h)).query('lock table pgmq.meta in access exclusive mode')
    const created = h.client.with(await begin(h)).queues.create(h.queue())
    expect((await refusal(created, 'QUEUE_NOT_FOUND')).message).toMatch(
      /^cannot create queue "(\w+)": there is no queue/,
    )
  })

  it('no creator is left waiting for a lock once its time is up', async () => {
    const locking = await begin(h)
    await locking.query('lock table pgmq.meta in access exclusive mode')
    const queue = h.queue()
    await refusal(h.client.with(await begin(h)).enqueue(queue, { n: 1 }), 'QUEUE_NOT_FOUND')
    const waiting = `select from pg_stat_activity where datname = current_database() and query like '%pgmq.create%' and wait_event_type = 'Lock'`
    await until('the creator to give up', async () => (await h.sql(waiting)).length === 0)
    await locking.query('rollback')
    expect(await exists(queue)).toBe(false)
  })

  // ── Nothing is tried that may fail ──────────────────────────────────────────────────────────────

  const halve = (queue: string) => defineTask({ name: 'halve', queue, input: z.object({ n: z.number() }) })
  const strict = () => h.clientWith({ createQueues: false })
  it.each<[string, (tx: PgConnection) => Promise<unknown>]>([
    ['BODY_NOT_SERIALIZABLE', async (tx) => h.client.with(tx).enqueue(await created(), { n: 'a\u0000' })],
    ['BODY_NOT_SERIALIZABLE', async (tx) => h.client.with(tx).enqueueMany(await created(), [{}, { n: '\ud800' }])],
    ['INPUT_INVALID', async (tx) => h.client.with(tx).enqueue(halve(await created()), { n: 'x' as never })],
    ['QUEUE_NAME_INVALID', (tx) => h.client.with(tx).enqueue('No Name', {})],
    ['QUEUE_NOT_FOUND', (tx) => strict().with(tx).enqueue(h.queue(), { n: 1 })],
    ['QUEUE_NOT_FOUND', (tx) => h.client.with(tx).dequeue(h.queue())],
    ['QUEUE_NOT_FOUND', (tx) => h.client.with(tx).archive({ queue: h.queue(), id: '1' })],
    ['QUEUE_NOT_FOUND', (tx) => h.client.with(tx).setVisibility({ queue: h.queue(), id: '1' }, 1)],
    ['QUEUE_NOT_FOUND', (tx) => h.client.with(tx).queues.metrics(h.queue())],
    ['QUEUE_NOT_FOUND', (tx) => h.client.with(tx).queues.purge(h.queue())],
    ['QUEUE_NOT_FOUND', (tx) => h.client.with(tx).queues.peek(h.queue())],
    ['QUEUE_NOT_FOUND', (tx) => h.client.with(tx).deadLetters.list(h.queue())],
    ['CONFIGURATION_INVALID', (tx) => h.client.with(tx).archive({ queue: 'q', id: "1'; drop" })],
  ])('%s leaves it usable (%#)', async (code, call) => {
    const tx = await begin(h)
    await refusal(call(tx), code as 'QUEUE_NOT_FOUND')
    expect((await tx.query('select 1 one')).rows).toEqual([{ one: 1 }])
  })

  it('the dead letters of a queue without a dead-letter queue are refused, and leave it usable', async () => {
    const queue = h.queue()
    await h.sql('select pgmq.create($1)', [queue])
    const tx = await begin(h)
    const error = await refusal(h.client.with(tx).deadLetters.list(queue), 'QUEUE_NOT_FOUND')
    expect(error.message).toContain(`cannot list dead letters of "${queue}": there is no queue "${queue}_dlq"`)
    expect((await tx.query('select 1 one')).rows).toEqual([{ one: 1 }])
  })

  it('a missing message is no error', async () => {
    const queue = await created()
    const tx = await begin(h)
    const client = h.client.with(tx)
    expect(await client.dequeue(queue)).toBeNull()
    expect(await client.delete({ queue, id: '7' })).toBe(false)
    expect(await client.queues.drop(h.queue())).toBe(false)
    await tx.query('commit')
  })

  it('a queue dropped in it is there again when it rolls back', async () => {
    const queue = await created()
    const tx = await begin(h)
    expect(await h.client.with(tx).queues.drop(queue)).toBe(true)
    await tx.query('rollback')
    await h.client.with(tx).enqueue(queue, { n: 1 })
    expect((await places(h, queue)).queue).toBe(1)
  })

  // ── Connections ─────────────────────────────────────────────────────────────────────────────────

  it.each<[string, () => unknown]>([
    ['a pool', () => h.pool],
    ['nothing', () => undefined],
    ['a URL', () => 'postgres://app:s3cret@localhost/app'],
    ['another driver’s connection', () => () => []],
  ])('%s cannot be joined', async (_what, connection) => {
    const error = await refusal(
      (async () => h.client.with((await Promise.resolve(connection())) as PgConnection))(),
      'CONFIGURATION_INVALID',
    )
    expect(error.details).toEqual({ field: 'connection' })
    expect(error.message).toBe(
      'cannot join this connection: pass a Client or PoolClient of pg (createClient takes a Pool or URL too)',
    )
  })

  it('an executor over a connection joins it as well', async () => {
    const queue = await created()
    const tx = await begin(h)
    await h.client.with(fromPg(tx)).enqueue(queue, { n: 1 })
    await tx.query('rollback')
    expect((await places(h, queue)).queue).toBe(0)
  })

  it('a client of one connection works inside its transaction, queues included', async () => {
    const queue = h.queue()
    const connection = await connect(h)
    const client = createClient(connection)
    await connection.query('begin')
    await client.enqueue(queue, { n: 1 })
    expect(await client.dequeue(queue)).toMatchObject({ body: { n: 1 } })
    await connection.query('rollback')
    expect(await exists(queue)).toBe(false)
    await client.enqueue(queue, { n: 2 })
    expect((await places(h, queue)).queue).toBe(1)
  })

  it('closing the client of a transaction closes nothing', async () => {
    const queue = await created()
    const tx = await begin(h)
    await h.client.with(tx).close()
    await h.client.with(tx).enqueue(queue, { n: 1 })
    await tx.query('commit')
    await h.client.enqueue(queue, { n: 2 })
    expect((await places(h, queue)).queue).toBe(2)
  })
})
