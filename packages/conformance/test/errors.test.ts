import { createWorker, defineTask, type Message, unchecked } from '@pgmq/core'
import { createClient, isPgmqError, PermanentError, type PgmqClient } from '@pgmq/node-pg'
import type pg from 'pg'
import { afterAll, expect, it } from 'vitest'
import { begin, connect } from './support/connection.js'
import { describeSuite, type Harness } from './support/harness.js'
import { rows } from './support/look.js'
import { record } from './support/recorder.js'
import { refusal } from './support/refusal.js'
import { until } from './support/until.js'

describeSuite('what stands in the way is said with its remedy:', (h) => {
  const undo: (() => Promise<unknown>)[] = []
  afterAll(async () => {
    for (const step of undo.reverse()) await step()
  })
  const withUrl = (change: (url: URL) => void): string => {
    const url = new URL(h.url)
    change(url)
    return url.href
  }
  async function role(name: string, grants: readonly string[], { sql }: Harness): Promise<string> {
    await sql(`create role "${name}" login`)
    for (const grant of grants) await sql(`grant ${grant} to "${name}"`)
    undo.push(() => sql(`drop owned by "${name}"`).then(() => sql(`drop role "${name}"`)))
    return withUrl((url) => {
      url.username = name
    })
  }

  it('a database without pgmq', async () => {
    const name = `${new URL(h.url).pathname.slice(1)}_bare`
    await h.sql(`create database "${name}" template template0`)
    undo.unshift(() => h.sql(`drop database "${name}" with (force)`))
    const client = createClient(withUrl((url) => (url.pathname = `/${name}`)))
    await expect(client.enqueue('user_tasks', { n: 1 })).rejects.toMatchObject({
      code: 'EXTENSION_MISSING',
      details: { database: name },
      message: expect.stringContaining('CREATE EXTENSION pgmq'),
    })
    await client.close()
  })

  it('a role that may not create, enqueue or read', async () => {
    const queue = h.queue()
    await h.client.queues.create(queue)
    const name = `few_${new URL(h.url).pathname.slice(1)}`.slice(0, 60)
    const client = createClient(await role(name, ['usage on schema pgmq'], h))
    const denied = (grant: string) => ({
      code: 'PERMISSION_DENIED',
      details: { grant: expect.stringContaining(grant) },
    })
    await expect(client.enqueue(queue, { n: 1 })).rejects.toMatchObject(
      denied(`grant insert, select on pgmq."q_${queue}" to ${name}`),
    )
    await expect(client.dequeue(queue)).rejects.toMatchObject(denied(`grant select, update on pgmq."q_${queue}"`))
    await expect(client.queues.create('another')).rejects.toMatchObject(denied(`create on schema pgmq to ${name}`))
    await client.close()
  })

  it('a server that is not there', async () => {
    const client = createClient('postgres://app:s3cret@127.0.0.1:1/app')
    const refused = await client.enqueue('user_tasks', { n: 1 }).catch((error: unknown) => error as Error)
    expect(refused).toMatchObject({ code: 'CONNECTION_LOST', retryable: true })
    expect((refused as Error).message).not.toContain('s3cret')
    await client.close()
  })

  it('a connection that broke under an enqueue', async () => {
    const queue = h.queue()
    await h.client.queues.create(queue)
    const client = createClient(withUrl((url) => url.searchParams.set('application_name', 'cut_off')))
    await h.transaction(async (tx) => {
      await tx.query(`lock table pgmq.q_${queue} in access exclusive mode`)
      const enqueued = client.enqueue(queue, { n: 1 }).catch((error: unknown) => error)
      await until(
        'the wait',
        async () =>
          (
            await h.sql(
              `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'cut_off' and wait_event_type = 'Lock'`,
            )
          ).length,
      )
      expect(await enqueued).toMatchObject({ code: 'OUTCOME_UNKNOWN', retryable: false })
    })
    await client.close()
  })

  it('a queue that is not there, or may not be created', async () => {
    await expect(h.client.dequeue('nowhere')).rejects.toMatchObject({
      code: 'QUEUE_NOT_FOUND',
      message: expect.stringContaining('client.queues.create("nowhere")'),
    })
    await expect(h.clientWith({ createQueues: false }).enqueue('nowhere', {})).rejects.toMatchObject({
      code: 'QUEUE_NOT_FOUND',
    })
  })

  it('a client that was closed', async () => {
    const client = createClient(h.url)
    await client.close()
    await expect(client.enqueue('user_tasks', {})).rejects.toMatchObject({ code: 'CLIENT_CLOSED' })
  })

  it('headers on a queue whose tables are of an older pgmq, where everything else works', async () => {
    const queue = h.queue()
    await h.client.queues.create(queue)
    for (const table of [`q_${queue}`, `a_${queue}`])
      await h.sql(`alter table pgmq.${table} drop column headers, drop column last_read_at`)
    const client = h.clientWith({})
    await client.enqueue(queue, { n: 1 })
    await expect(client.enqueue(queue, { n: 1 }, { headers: { a: 1 } })).rejects.toMatchObject({
      code: 'FEATURE_UNSUPPORTED',
      details: { since: '1.5.0' },
    })
    const first = await client.dequeue(queue)
    expect(await client.setVisibility(first as NonNullable<typeof first>, 0)).toBe(true)
    expect(await client.archive(first as NonNullable<typeof first>)).toBe(false)
    const second = await client.dequeue(queue)
    expect(await client.archive(second as NonNullable<typeof second>)).toBe(true)
  })

  it('a dead letter that cannot be written: it waits with its verdict, and health tells', async () => {
    const queue = h.queue()
    const task = defineTask({ name: 'ping', queue, input: unchecked<object>(), retry: { maxRetries: 0 } })
    await h.client.enqueue(task, {})
    await h.sql(`alter table pgmq.q_${queue}_dlq add constraint full_up check (false) not valid`)
    const worker = createWorker({
      client: h.client,
      tasks: { task },
      handlers: { task: () => Promise.reject(new Error('no')) },
      pollIntervalMs: 100,
    })
    const events = record(worker)
    await worker.start()
    await until('parked', () => events.parked.length)
    expect(worker.health()).toMatchObject({ ready: false, unwrittenDeadLetters: 1 })
    expect((await rows(h, `q_${queue}`))[0]?.headers).toMatchObject({
      'x-job-dead': { reason: 'retries_exhausted', error: 'no' },
    })

    await h.sql(`alter table pgmq.q_${queue}_dlq drop constraint full_up`)
    await h.sql(`update pgmq.q_${queue} set vt = now()`)
    await until('dead letter', () => events.deadLettered.length)
    expect(events.started).toHaveLength(1)
    expect(worker.health()).toMatchObject({ ready: true, unwrittenDeadLetters: 0 })
    await worker.stop()
  })

  // ── No pgmq ─────────────────────────────────────────────────────────────────────────────────────

  const database = (): string => new URL(h.url).pathname.slice(1)
  let empty: Promise<pg.Pool> | undefined
  /** A pool on a database that has no pgmq. */
  function emptyDatabase(): Promise<pg.Pool> {
    empty ??= (async () => {
      const name = `${database()}_empty`
      await h.sql(`create database "${name}" template template0`)
      undo.unshift(() => h.sql(`drop database "${name}" with (force)`))
      return h.poolWith({ connectionString: withUrl((url) => (url.pathname = `/${name}`)) })
    })()
    return empty
  }

  it.each<[string, (client: PgmqClient) => Promise<unknown>]>([
    ['enqueue', (client) => client.enqueue('q', {})],
    ['enqueueMany', (client) => client.enqueueMany('q', [{}, {}])],
    ['dequeue', (client) => client.dequeue('q')],
    ['archive', (client) => client.archive({ queue: 'q', id: '1' })],
    ['setVisibility', (client) => client.setVisibility({ queue: 'q', id: '1' }, 0)],
    ['queues.create', (client) => client.queues.create('q')],
    ['queues.list', (client) => client.queues.list()],
    ['queues.metrics', (client) => client.queues.metrics('q')],
    ['queues.peek', (client) => client.queues.peek('q')],
    ['deadLetters.list', (client) => client.deadLetters.list('q')],
  ])('a database without pgmq, to %s', async (_what, call) => {
    const error = await refusal(call(h.clientWith({}, await emptyDatabase())), 'EXTENSION_MISSING')
    expect(error.message).toBe(
      `pgmq is not installed in database "${database()}_empty". As a superuser: CREATE EXTENSION pgmq; without that right, install it from its SQL file`,
    )
    expect(error.details).toEqual({ database: `${database()}_empty` })
  })

  it('a database without pgmq, to a transaction, which goes on', async () => {
    const pool = await emptyDatabase()
    const tx = await pool.connect()
    await tx.query('begin')
    const client = h.clientWith({}, pool).with(tx)
    for (const call of [() => client.enqueue('q', {}), () => client.dequeue('q'), () => client.queues.create('q')])
      await refusal(call(), 'EXTENSION_MISSING')
    expect((await tx.query('select 1 one')).rows).toEqual([{ one: 1 }])
    await tx.query('commit')
    tx.release()
  })

  // ── Grants ──────────────────────────────────────────────────────────────────────────────────────

  let roles = 0
  /** A role that may do nothing, and a client as it. */
  async function stranger(): Promise<{ name: string; client: PgmqClient; pool: pg.Pool }> {
    const name = `r${++roles}_${database()}`.slice(0, 60)
    const pool = h.poolWith({ max: 2, connectionString: await role(name, [], h) })
    return { name, pool, client: h.clientWith({}, pool) }
  }
  async function leased(): Promise<Message> {
    const queue = h.queue()
    await h.client.enqueueMany(queue, [{ n: 1 }, { n: 2 }])
    return (await h.client.dequeue(queue)) as Message
  }
  const dead = (): never => {
    throw new PermanentError('no')
  }

  it.each<[string, (client: PgmqClient, message: Message) => Promise<unknown>]>([
    ['enqueue into', (client, { queue }) => client.enqueue(queue, {})],
    ['read from', (client, { queue }) => client.dequeue(queue)],
    ['archive messages of', (client, message) => client.archive(message)],
    ['delete messages of', (client, message) => client.delete(message)],
    ['set the visibility of message', (client, message) => client.setVisibility(message, 0)],
    ['list dead letters of', (client, { queue }) => client.deadLetters.list(queue)],
    ['purge dead letters of', (client, { queue }) => client.deadLetters.purge(queue, {})],
    ['measure queue', (client, { queue }) => client.queues.metrics(queue)],
    ['look into', (client, { queue }) => client.queues.peek(queue)],
    ['look into the archive of', (client, { queue }) => client.queues.archived(queue)],
    ['purge queue', (client, { queue }) => client.queues.purge(queue)],
    ['list queues', (client) => client.queues.list()],
    ['create queue', (client) => client.queues.create(h.queue())],
  ])('a role that may not %s anything: with the grant it works', async (verb, call) => {
    const { name, client } = await stranger()
    const message = await leased()
    const error = await refusal(call(client, message), 'PERMISSION_DENIED')
    expect(error.message).toMatch(
      new RegExp(`^role ${name} may not ${verb}.* \\(permission denied for .*\\)\\. Run: grant usage.* to ${name};$`),
    )
    await h.sql(error.details.grant)
    await call(client, message)
  })

  it('a role that may not keep dead letters, nor put them back: with the grants it works', async () => {
    const { client } = await stranger()
    const message = await leased()
    for (const call of [
      () => client.processWithRetry(message, dead),
      () => client.deadLetters.redrive(message.queue, {}),
    ])
      for (let done = false, grants = 0; !done; grants++) {
        done = await call().then(
          () => true,
          async (error: unknown) => {
            if (!isPgmqError(error, 'PERMISSION_DENIED') || grants === 3) throw error
            await h.sql(error.details.grant)
            return false
          },
        )
      }
    expect(await client.deadLetters.list(message.queue)).toMatchObject({ items: [] })
    expect((await rows(h, `q_${message.queue}`)).map(({ msg_id }) => msg_id)).toEqual(['2', '3'])
  })

  it('a policy of row-level security: with the policy it works', async () => {
    const { name, client } = await stranger()
    const { queue } = await leased()
    await h.sql(`alter table pgmq.q_${queue} enable row level security`)
    await h.sql(`grant usage on schema pgmq to "${name}"`)
    await h.sql(`grant select, insert on pgmq.q_${queue} to "${name}"`)
    const error = await refusal(client.enqueue(queue, {}), 'PERMISSION_DENIED')
    expect(error.message).toBe(
      `role ${name} may not enqueue into "${queue}" (new row violates row-level security policy for table "q_${queue}"). Run: create policy ${name} on pgmq."q_${queue}" to ${name} using (true) with check (true);`,
    )
    await h.sql(error.details.grant)
    await client.enqueue(queue, {})
  })

  it('no worker whose role sees only what policies let it: it says so', async () => {
    const { name, client: made } = await stranger()
    const { queue } = await leased()
    await h.sql(`alter table pgmq.q_${queue} enable row level security`)
    await h.sql(`grant usage on schema pgmq to "${name}"`)
    for (const table of [`q_${queue}`, `a_${queue}`, `q_${queue}_dlq`])
      await h.sql(`grant select, insert, update, delete on pgmq.${table} to "${name}"`)
    const warnings: string[] = []
    const silent = (): void => undefined
    const logger = {
      debug: silent,
      info: silent,
      error: silent,
      warn: (_: object, text: string) => void warnings.push(text),
    }
    const task = defineTask({ name: 'ping', queue, input: unchecked<object>() })
    const worker = createWorker({ client: made, tasks: { task }, handlers: { task: () => 1 }, logger })
    expect(await worker.drain()).toMatchObject({ succeeded: 0, more: false })
    expect(warnings).toEqual([
      `queue '${queue}' has row-level security: jobs that its policies hide from this worker's role are never run`,
    ])
  })

  it('a role that may do too little in its transaction', async () => {
    const { client, pool } = await stranger()
    const { queue } = await leased()
    const tx = await pool.connect()
    await tx.query('begin')
    const error = await refusal(client.with(tx).enqueue(queue, {}), 'PERMISSION_DENIED')
    expect(error.message).toContain('grant insert')
    await tx.query('rollback')
    tx.release()
  })

  it('a role that does not own the queue that it is to drop', async () => {
    const { name, client } = await stranger()
    const { queue } = await leased()
    await h.sql(`grant usage on schema pgmq to "${name}"`)
    const error = await refusal(client.queues.drop(queue), 'PERMISSION_DENIED')
    expect(error.message).toContain(`role ${name} may not drop queue "${queue}"`)
    expect((await rows(h, `q_${queue}`)).length).toBe(2)
  })

  // ── Connections ─────────────────────────────────────────────────────────────────────────────────

  it.each<[string, () => string, string]>([
    ['a server that is not there', () => 'postgres://app:s3cret@127.0.0.1:1/app', 'connect ECONNREFUSED 127.0.0.1:1'],
    ['a host that is not there', () => 'postgres://app:s3cret@nowhere.invalid/app', 'getaddrinfo'],
    [
      'a database that is not there',
      () => withUrl((url) => (url.pathname = '/nowhere')),
      'database "nowhere" does not',
    ],
  ])('%s', async (_what, url, reason) => {
    const client = createClient(url())
    const error = await refusal(client.enqueue('user_tasks', {}), 'CONNECTION_LOST')
    expect(error.message).toMatch(/^cannot enqueue into "user_tasks": no connection to PostgreSQL \(.*\)\. Nothing was/)
    expect(error.message).toContain(reason)
    expect(error.message).not.toContain('s3cret')
    expect(error.retryable).toBe(true)
    await client.close()
  })

  it('a connection that broke under an enqueue: each caller is told, none is sent again', async () => {
    const queue = h.queue()
    await h.client.queues.create(queue)
    const client = h.clientWith({}, h.poolWith({ application_name: 'cut_off_many' }))
    const tx = await begin(h)
    await tx.query(`lock table pgmq.q_${queue} in access exclusive mode`)
    const enqueued = Promise.allSettled([1, 2, 3].map((n) => client.enqueue(queue, { n })))
    await until('the wait', async () => {
      const cut = `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'cut_off_many' and wait_event_type = 'Lock'`
      return (await h.sql(cut)).length
    })
    for (const result of await enqueued) {
      const error = await refusal(
        result.status === 'rejected' ? Promise.reject(result.reason as Error) : 0,
        'OUTCOME_UNKNOWN',
      )
      expect(error.message).toBe(
        `cannot tell whether "enqueue into "${queue}"" took place: the connection broke before its reply (terminating connection due to administrator command)`,
      )
    }
    await tx.query('rollback')
    expect(await rows(h, `q_${queue}`)).toEqual([])
    expect(await client.enqueue(queue, { n: 4 })).toMatchObject({ queue })
  })

  // ── A closed client ─────────────────────────────────────────────────────────────────────────────

  it.each<[string, (client: PgmqClient) => unknown]>([
    ['enqueue', (client) => client.enqueue('q', {})],
    ['enqueueMany', (client) => client.enqueueMany('q', [])],
    ['enqueueStream', (client) => client.enqueueStream('q', [{}])[Symbol.asyncIterator]().next()],
    ['dequeue', (client) => client.dequeue('q')],
    ['archive', (client) => client.archive({ queue: 'q', id: '1' })],
    ['setVisibility', (client) => client.setVisibility({ queue: 'q', id: '1' }, 1)],
    ['queues.create', (client) => client.queues.create('q')],
    ['queues.list', (client) => client.queues.list()],
    ['queues.metrics', (client) => client.queues.metrics('q')],
    ['deadLetters.list', (client) => client.deadLetters.list('q')],
    ['deadLetters.redrive', (client) => client.deadLetters.redrive('q', {})],
  ])('a client that was closed, to %s', async (_what, call) => {
    const client = h.clientWith({})
    await client.close()
    await client.close()
    expect((await refusal(call(client), 'CLIENT_CLOSED')).message).toContain(
      'this client is closed. Create another, or close it later',
    )
  })

  it.each<[string, (client: PgmqClient, message: Message) => Promise<unknown>]>([
    ['enqueue', (client, { queue }) => client.enqueue(queue, {})],
    ['dequeue', (client, { queue }) => client.dequeue(queue)],
    ['archive', (client, message) => client.archive(message)],
    ['delete', (client, message) => client.delete(message)],
    ['setVisibility', (client, message) => client.setVisibility(message, 60)],
    ['processWithRetry', (client, message) => client.processWithRetry(message, () => 'done')],
    ['queues.metrics', (client, { queue }) => client.queues.metrics(queue)],
    ['deadLetters.redrive', (client, { queue }) => client.deadLetters.redrive(queue, {})],
  ])('nothing of a client that closes, twice even: %s is under way, and ends before', async (_what, call) => {
    const message = await leased()
    const pool = h.poolWith({ max: 1 })
    const client = h.clientWith({}, pool)
    const held = await pool.connect()
    let ended = false
    const calling = call(client, message).finally(() => {
      ended = true
    })
    const closed = [client.close(), client.close()].map((closing) => closing.then(() => ended))
    held.release()
    expect(await Promise.all(closed)).toEqual([true, true])
    await calling
  })

  it('nothing of a client that closes while it acknowledges: what was begun is done', async () => {
    const queue = h.queue()
    await h.client.enqueueMany(queue, [{ n: 1 }, { n: 2 }, { n: 3 }])
    const client = createClient(h.url)
    const archived = (await client.dequeueMany(queue, { limit: 3 })).map((message) => client.archive(message))
    await client.close()
    expect(await Promise.all(archived)).toEqual([true, true, true])
  })

  it('a client of one connection that was closed; the connection stays open', async () => {
    const connection = await connect(h)
    const client = createClient(connection)
    await client.with(connection).close()
    await client.queues.list()
    await client.close()
    await refusal(client.enqueue(h.queue(), {}), 'CLIENT_CLOSED')
    expect((await connection.query('select 1 one')).rows).toEqual([{ one: 1 }])
  })

  it('nothing of a client that closes while it enqueues: what was begun is done', async () => {
    const queue = h.queue()
    const client = createClient(h.url)
    const enqueued = Array.from({ length: 100 }, (_, n) => client.enqueue(queue, { n }))
    await client.close()
    await Promise.all(enqueued)
    expect(await rows(h, `q_${queue}`)).toHaveLength(100)
  })
})
