import { type ClientOptions, createClient, type Driver, type Message, type PgmqClient } from '@pgmq/core'
import { createProtocol } from '@pgmq/core/protocol'
import { describeDatabase, startProxy, until, useTestDatabase } from '@pgmq/test-database'
import pg from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { adapters } from '../drivers/support/adapters.js'
import { refusal } from './support/refusal.js'

const QUEUE = 'user_tasks'
const LIMIT_MS = 300
const SHORT: ClientOptions = { queryTimeoutSeconds: LIMIT_MS / 1000 }

describeDatabase.each(adapters)('the time limit of a client over $name', ({ open, openPool, connect }) => {
  const database = useTestDatabase()
  const undo: (() => unknown)[] = []
  let proxy: Awaited<ReturnType<typeof startProxy>>
  let other: pg.Client

  beforeEach(async () => {
    proxy = await startProxy(database.url)
    undo.push(() => proxy[Symbol.asyncDispose]())
    other = new pg.Client(database.url)
    await other.connect()
    undo.push(() => other.end())
  })
  afterEach(async () => {
    for (const action of undo.splice(0).reverse()) await action()
  })

  function clientOn(driver: Driver<never>, options = SHORT): PgmqClient {
    const client = createClient(driver, options)
    undo.push(() => client.close())
    return client
  }

  /** One connection at most, so that the next call would get the one that fell silent, were it not destroyed. */
  async function onPoolOfOne(): Promise<PgmqClient> {
    const { driver, end } = openPool(proxy.url, 1)
    undo.push(end)
    const client = clientOn(driver)
    await client.queues.create(QUEUE)
    return client
  }

  /** While nobody gets at the queue's rows. */
  async function locked(work: () => Promise<void>): Promise<void> {
    await other.query(`begin; lock table pgmq.q_${QUEUE}`)
    await work()
    await other.query('commit')
  }

  it.each(['its own', 'a borrowed'])('is kept by %s pool, and the next call gets another connection', async (whose) => {
    const client = whose === 'its own' ? clientOn(open(proxy.url)) : await onPoolOfOne()
    await client.enqueue(QUEUE, { n: 1 })
    proxy.freeze()
    const { message, retryable } = await refusal(client.enqueue(QUEUE, { n: 2 }), 'OUTCOME_UNKNOWN')
    proxy.thaw()

    expect(message).toContain(`"enqueue into "${QUEUE}"" took place: the connection broke before its reply`)
    expect(message).toContain(`no reply within ${LIMIT_MS} ms`)
    expect(message).toContain('queryTimeoutSeconds')
    expect(retryable).toBe(false)
    await until('calls are answered again', () =>
      client.enqueue(QUEUE, { n: 3 }).then(
        () => true,
        () => false,
      ),
    )
  })

  it('is kept by every call, and what only looks may be made again', async () => {
    const client = await onPoolOfOne()
    const message = { queue: QUEUE, id: '1' }
    await client.enqueue(QUEUE, { n: 0 })
    const leased = await client.dequeue(QUEUE)
    const calls = [
      () => client.enqueueMany(QUEUE, [{ n: 1 }, { n: 2 }]),
      () => client.dequeue(QUEUE, { waitSeconds: 60 }),
      () => client.archive(leased as Message),
      () => client.delete(message),
      () => client.setVisibility(message, 1),
    ]
    const looks = [
      () => client.queues.create('another'),
      () => client.queues.peek(QUEUE),
      () => client.queues.list(),
      () => createProtocol(client).listQueues(),
    ]
    const silently = async (call: () => Promise<unknown>, code: 'OUTCOME_UNKNOWN' | 'CONNECTION_LOST') => {
      await until('it has a connection', () => client.queues.peek(QUEUE).then(Boolean, () => false))
      proxy.freeze()
      const error = await refusal(call(), code)
      proxy.thaw()
      return error
    }

    for (const call of calls) expect((await silently(call, 'OUTCOME_UNKNOWN')).retryable).toBe(false)
    for (const look of looks) expect((await silently(look, 'CONNECTION_LOST')).retryable).toBe(true)
  })

  it('is kept where the server accepts a connection, and says nothing', async () => {
    const client = clientOn(open(proxy.url))
    proxy.freeze()

    const { message } = await refusal(client.enqueue(QUEUE, { n: 1 }), 'CONNECTION_LOST')
    expect(message).toContain(
      `cannot enqueue into "${QUEUE}": no connection to PostgreSQL (no connection within ${LIMIT_MS}`,
    )
    await client.close()
  })

  it('is longer for what goes through a whole table', async () => {
    const client = await onPoolOfOne()
    await client.enqueue(QUEUE, { n: 1 })
    await locked(async () => {
      const metrics = clientOn(open(database.url)).queues.metrics(QUEUE)
      for (let limits = 0; limits < 3; limits++) await refusal(client.enqueue(QUEUE, { n: 2 }), 'OUTCOME_UNKNOWN')
      await other.query('commit')

      expect(await metrics).toMatchObject({ queue: QUEUE })
    })
  })

  it('is not that of a transaction of the caller’s', async () => {
    const client = await onPoolOfOne()
    const { executor, end } = await connect(database.url)
    undo.push(end)
    await locked(async () => {
      const enqueued = client.with(executor).enqueue(QUEUE, { n: 1 })
      for (let limits = 0; limits < 3; limits++) await refusal(client.enqueue(QUEUE, { n: 2 }), 'OUTCOME_UNKNOWN')
      await other.query('commit')

      expect(await enqueued).toMatchObject({ status: 'enqueued' })
    })
  })
})
