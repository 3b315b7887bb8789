import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describeDatabase, rejectionOf, until, useTestDatabase } from '@pgmq/test-database'
import postgres from 'postgres'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import * as entry from '../src/index.js'
import { createClient, createWorker, defineTask, fromPostgres, unchecked } from '../src/index.js'
import { quietSql, type Sql } from './support/quiet-sql.js'

const run = promisify(execFile)

it('exports what a user needs, and nothing else', () => {
  expect(Object.keys(entry).sort()).toEqual([
    'PermanentError',
    'RetryAfterError',
    'SnoozeError',
    'createClient',
    'createWorker',
    'defineTask',
    'fromPostgres',
    'isPgmqError',
    'messageRef',
    'unchecked',
  ])
})

describe('a client is made without any I/O', () => {
  it('of a connection string that leads nowhere', async () => {
    let connections = 0
    const server = createServer(() => connections++).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const client = createClient(`postgres://nobody@127.0.0.1:${port}/nothing`)
    await client.close()
    server.close()

    expect(connections).toBe(0)
  })

  it.each([undefined, null, '', 5432, {}])('and not of %j', (connection) => {
    expect(() => createClient(connection as never)).toThrow(TypeError)
  })
})

describeDatabase('a client over postgres', () => {
  const database = useTestDatabase()
  let pool: Sql

  beforeEach(() => {
    pool = quietSql(database.url)
  })
  afterEach(() => pool.end({ timeout: 1 }))

  it('enqueues on a connection string, and takes the message again on a pool', async () => {
    const producer = createClient(database.url)
    const { id } = await producer.enqueue('by_url', { task: 'greet', name: 'Ada' })
    await producer.close()
    const client = createClient(pool)
    const message = await client.dequeue('by_url')

    expect(message).toMatchObject({ id, body: { task: 'greet', name: 'Ada' } })
    await client.close()
  })

  it('enqueues with your transaction: what is rolled back was never enqueued', async () => {
    const client = createClient(pool)
    await client.queues.create('in_tx')
    const undone = pool.begin(async (tx) => {
      await client.with(tx).enqueue('in_tx', { task: 'rolled_back' })
      throw new Error('undo')
    })
    expect((await rejectionOf(undone)).message).toBe('undo')
    await pool.begin(async (tx) => {
      await client.with(fromPostgres(tx)).enqueue('in_tx', { task: 'committed' })
      const inner = tx.savepoint(async (savepoint) => {
        await client.with(savepoint).enqueue('in_tx', { task: 'rolled_back_to_a_savepoint' })
        throw new Error('undo')
      })
      await rejectionOf(inner)
    })
    const held = await pool.reserve()
    await client.with(held).enqueue('in_tx', { task: 'on_a_reserved_connection' })
    held.release()

    expect(await client.dequeueMany('in_tx', { limit: 10 })).toMatchObject([
      { body: { task: 'committed' } },
      { body: { task: 'on_a_reserved_connection' } },
    ])
  })

  it('lets several calls at once share a transaction, one after the other', async () => {
    const client = createClient(pool)
    await client.queues.create('at_once')
    await pool.begin((tx) => Promise.all([1, 2, 3].map((n) => client.with(tx).enqueue('at_once', { task: 'n', n }))))

    expect(await client.dequeueMany('at_once', { limit: 10 })).toHaveLength(3)
  })

  it.each([
    ['a pool', () => pool],
    ['a connection string', () => database.url],
    ['nothing', () => undefined],
  ])('takes no %s for a transaction', async (_what, connection) => {
    const client = createClient(pool)

    expect(() => fromPostgres(connection() as never)).toThrow(/TransactionSql/)
    const refused = await rejectionOf(
      (async () => client.with(connection() as never).enqueue('any', { task: 'any' }))(),
    )
    expect(refused.message).toMatch(/TransactionSql/)
    expect(refused.message).not.toContain(database.url)
  })

  it('close leaves a pool of yours open', async () => {
    const client = createClient(pool)
    await client.enqueue('yours', { task: 'greet' })
    await client.close()

    expect(await pool`select 1 as one`).toEqual([{ one: 1 }])
  })

  it('close ends what the client opened itself, reserved connections and listeners too', async () => {
    const { createDriver } = await import('../src/driver.js')
    const driver = createDriver(Object.assign(new URL(database.url), { search: '?application_name=to_be_ended' }).href)
    const opened = async (): Promise<number> =>
      (await pool`select from pg_stat_activity where application_name = 'to_be_ended'`).length
    await driver.executor.query('select 1', [])
    await driver.reserve?.()
    await driver.notifier?.listen(
      'any',
      () => {},
      () => {},
    )
    expect(await opened()).toBe(3)
    await driver.close?.()
    await driver.close?.()

    await expect.poll(opened).toBe(0)
    expect(await rejectionOf(driver.executor.query('select 1', []))).toMatchObject({ sent: false })
    expect(await rejectionOf(driver.reserve?.() as Promise<unknown>)).toMatchObject({ sent: false })
  })

  it.each([{}, { max: 1 }, { max: 1, prepare: false, fetch_types: false, transform: postgres.pascal }])(
    'works jobs, which complete with a transaction (%j)',
    async (options) => {
      const sql = quietSql(database.url, options)
      const client = createClient(sql)
      const greet = defineTask({ name: 'greet', queue: 'end_to_end', input: unchecked<{ name: string }>() })
      await pool`create table if not exists greeted (name text)`
      await client.queues.create('end_to_end')
      await sql.begin(async (tx) => {
        await client.with(tx).enqueue(greet, { name: 'Ada' })
      })
      await client.enqueue(greet, { name: 'Grace' })
      const handlers = {
        greet: async (
          { name }: { name: string },
          { completeWith }: { completeWith(tx: unknown): Promise<unknown> },
        ) => {
          await sql.begin(async (tx) => {
            await tx`insert into greeted (name) values (${name})`
            await completeWith(tx)
          })
        },
      }
      const worker = createWorker({ client, tasks: { greet }, handlers })
      const result = await worker.drain()

      expect(result).toMatchObject({ succeeded: 2 })
      expect(await pool`select name from greeted order by name`).toEqual([{ name: 'Ada' }, { name: 'Grace' }])
      expect(await client.dequeueMany('end_to_end', { limit: 10 })).toEqual([])
      await pool`drop table greeted`
      await client.close()
      await sql.end()
    },
  )

  it('a worker outlives the end of all its connections', async () => {
    const client = createClient(pool)
    const done: number[] = []
    const count = defineTask({ name: 'count', queue: 'outlives', input: unchecked<{ n: number }>() })
    const handlers = { count: async ({ n }: { n: number }) => void done.push(n) }
    const worker = createWorker({ client, tasks: { count }, handlers })
    await worker.start()
    await client.enqueue(count, { n: 1 })
    await until('the first is done', () => done.length === 1)
    await pool`select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'pgmq' and datname = current_database()`
    await client.enqueue(count, { n: 2 })

    await until('the second is done', () => done.includes(2))
    await worker.stop()
  })

  describe.each(['url.mjs', 'url.cjs'])('a process (%s)', (script) => {
    const start = (...args: string[]): Promise<{ stdout: string }> =>
      run(process.execPath, [fileURLToPath(new URL(`scripts/${script}`, import.meta.url)), database.url, ...args], {
        timeout: 20_000,
      })

    it('ends by itself after close', async () => {
      expect((await start('close')).stdout).toBe('enqueued\nheard\nclosed\n')
    })

    it('lives as long as its worker, and ends by itself after that', async () => {
      const client = createClient(pool)
      const worker = spawn(process.execPath, [
        fileURLToPath(new URL(`scripts/${script}`, import.meta.url)),
        database.url,
        'work',
      ])
      let said = ''
      worker.stdout.on('data', (chunk) => {
        said += chunk
      })
      const ended = once(worker, 'exit')
      await until('it has started', () => said === 'started\n')
      await client.enqueue('work', { task: 'greet' })

      expect(await ended).toEqual([0, null])
      expect(said).toBe('started\nhandled\nclosed\n')
    })

    it('ends by itself with an idle client that nobody closed', async () => {
      expect((await start('idle')).stdout).toBe('enqueued\n')
    })
  })
})
