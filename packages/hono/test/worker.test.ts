import { createClient, createWorker, type PgmqClient, type Worker } from '@pgmq/node-pg'
import { describeDatabase, useTestDatabase } from '@pgmq/test-database'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createQueueRoutes } from '../src/index.js'
import { type Served, serveRoutes, useRoutes } from './support/served.js'
import { keepingLogger } from './support/silent.js'
import * as tasks from './support/tasks.js'

const workerOf = (client: PgmqClient): Worker =>
  createWorker({ client, tasks: { ping: tasks.ping }, handlers: { ping: () => 'pong' } })
const authorize = (): boolean => true

describeDatabase('a worker over HTTP', () => {
  const database = useTestDatabase()
  const routes = useRoutes(database, (client) => createQueueRoutes({ client, authorize, worker: workerOf(client) }))

  it('drains what is there, and may do so again', async () => {
    for (let round = 0; round < 2; round++) {
      await routes.client.enqueueMany(tasks.ping, [{ at: 'a' }, { at: 'b' }])
      const reply = await routes.call('POST', '/drain')
      expect(reply).toMatchObject({ status: 200, json: { succeeded: 2, deadLettered: 0, more: false } })
    }
  })

  it('drains so many and no more', async () => {
    await routes.client.enqueueMany(tasks.ping, [{ at: 'a' }, { at: 'b' }, { at: 'c' }])
    const { json } = await routes.call('POST', '/drain', { json: { maxMessages: 2, maxMs: 10_000 } })
    expect(json).toMatchObject({ succeeded: 2, more: true })
    expect((await routes.call('POST', '/drain')).json).toMatchObject({ succeeded: 1, more: false })
  })

  it.each([{ maxMessages: 0 }, { maxMs: -1 }, { maxMs: 10_000_000 }, { forever: true }])(
    'does not drain by %j',
    async (json) => {
      expect(await routes.call('POST', '/drain', { json })).toMatchObject({ status: 400 })
    },
  )

  it('that runs has nothing to drain, and says whether it is ready', async () => {
    const worker = workerOf(routes.client)
    const served = await serveRoutes(createQueueRoutes({ client: routes.client, authorize, worker }))
    await worker.start()
    expect(await served.call('POST', '/drain')).toMatchObject({ status: 409, json: { code: 'WORKER_BUSY' } })
    expect(await served.call('GET', '/health/ready')).toMatchObject({ status: 200, json: { status: 'ready' } })
    await worker.stop()
    await served.stop()
  })

  it('may be made for each request, on a client that is made for it', async () => {
    const made: PgmqClient[] = []
    const client = () => {
      const one = createClient(database.url)
      made.push(one)
      return one
    }
    const served = await serveRoutes(
      createQueueRoutes({ client, authorize, worker: (_, own) => workerOf(own as PgmqClient) }),
    )
    await routes.client.enqueue(tasks.ping, { at: 'a' })
    expect((await served.call('POST', '/drain')).json).toMatchObject({ succeeded: 1 })
    expect(made).toHaveLength(1)
    await served.stop()
  })

  it('that there is not drains nothing', async () => {
    const served = await serveRoutes(createQueueRoutes({ client: routes.client, authorize }))
    expect(await served.call('POST', '/drain')).toMatchObject({ status: 404 })
    await served.stop()
  })
})

describe('health', () => {
  const logger = keepingLogger()
  let client: PgmqClient
  let served: Served
  beforeAll(async () => {
    client = createClient('postgres://nobody@127.0.0.1:1/nothing')
    served = await serveRoutes(createQueueRoutes({ client, authorize: () => 'unauthenticated', logger }))
  })
  afterAll(async () => {
    await served.stop()
    await client.close()
  })

  it('needs no token, and tells a process that lives from one that is ready', async () => {
    expect(await served.call('GET', '/health/live')).toMatchObject({ status: 200, json: { status: 'live' } })
    const reply = await served.call('GET', '/health/ready')
    expect(reply).toMatchObject({ status: 503, json: { code: 'CONNECTION_LOST' } })
    expect(reply.headers.get('Retry-After')).toBe('1')
  })

  it('tells the log what it does not tell the caller', async () => {
    const { text, json } = await served.call('GET', '/health/ready')
    expect(text).not.toMatch(/127\.0\.0\.1|nobody|ECONNREFUSED|at /)
    const line = logger.lines.find(({ fields }) => fields.requestId === json.requestId)
    expect(line).toMatchObject({ level: 'error', fields: { error: { code: 'CONNECTION_LOST' } } })
    expect(String(line?.fields.error)).toMatch(/ECONNREFUSED/)
  })
})
