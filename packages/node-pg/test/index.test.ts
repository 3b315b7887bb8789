import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describeDatabase, rejectionOf, until, useTestDatabase } from '@pgmq/test-database'
import type pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import * as entry from '../src/index.js'
import { createClient, fromPg } from '../src/index.js'
import { quietPool } from './support/quiet-pool.js'

const run = promisify(execFile)

it('exports what a user needs, and nothing else', () => {
  expect(Object.keys(entry).sort()).toEqual([
    'PermanentError',
    'RetryAfterError',
    'SnoozeError',
    'createClient',
    'createWorker',
    'defineTask',
    'fromPg',
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

describeDatabase('a client over pg', () => {
  const database = useTestDatabase()
  let pool: pg.Pool

  beforeEach(() => {
    pool = quietPool({ connectionString: database.url })
  })
  afterEach(() => pool.end())

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
    const tx = await pool.connect()
    await tx.query('begin')
    await client.with(tx).enqueue('in_tx', { task: 'rolled_back' })
    await tx.query('rollback')
    await tx.query('begin')
    await client.with(fromPg(tx)).enqueue('in_tx', { task: 'committed' })
    await tx.query('commit')
    tx.release()

    expect(await client.dequeueMany('in_tx', { limit: 10 })).toMatchObject([{ body: { task: 'committed' } }])
  })

  it('lets several calls at once share a transaction, one after the other', async () => {
    const warnings: Error[] = []
    const warned = (warning: Error): number => warnings.push(warning)
    process.on('warning', warned)
    const client = createClient(pool)
    await client.queues.create('at_once')
    const tx = await pool.connect()
    await tx.query('begin')
    await Promise.all([1, 2, 3].map((n) => client.with(tx).enqueue('at_once', { task: 'n', n })))
    await tx.query('commit')
    tx.release()

    expect(await client.dequeueMany('at_once', { limit: 10 })).toHaveLength(3)
    process.off('warning', warned)
    expect(warnings).toEqual([])
  })

  it.each([
    ['a pool', () => pool],
    ['a connection string', () => database.url],
    ['nothing', () => undefined],
  ])('takes no %s for a transaction', async (_what, connection) => {
    const client = createClient(pool)

    expect(() => fromPg(connection() as never)).toThrow(/PoolClient/)
    const refused = await rejectionOf(
      (async () => client.with(connection() as never).enqueue('any', { task: 'any' }))(),
    )
    expect(refused.message).toMatch(/PoolClient/)
    expect(refused.message).not.toContain(database.url)
  })

  it('close leaves a pool of yours open', async () => {
    const client = createClient(pool)
    await client.enqueue('yours', { task: 'greet' })
    await client.close()

    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  it('close ends what the client opened itself, reserved connections and listeners too', async () => {
    const { createDriver } = await import('../src/driver.js')
    const driver = createDriver(Object.assign(new URL(database.url), { search: '?application_name=to_be_ended' }).href)
    const opened = async (): Promise<number> =>
      (await pool.query(`select from pg_stat_activity where application_name = 'to_be_ended'`)).rows.length
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
