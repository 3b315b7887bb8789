import { createClient, type PgmqClient } from '@pgmq/node-pg'
import { describeDatabase, until, useTestDatabase } from '@pgmq/test-database'
import { Hono } from 'hono'
import pg from 'pg'
import { expect, it } from 'vitest'
import { createQueueRoutes } from '../src/index.js'
import { openEvents } from './support/events.js'
import { type Served, serveRoutes } from './support/served.js'

const NAME = 'made-for-a-request'

describeDatabase('a client that is made for a request', () => {
  const database = useTestDatabase()
  const make = (): PgmqClient => createClient(`${database.url}?application_name=${NAME}`)
  const served = (): Promise<Served> => serveRoutes(createQueueRoutes({ client: make, authorize: () => true }))

  /** Connections of such clients. */
  async function connections(): Promise<number> {
    const client = new pg.Client(database.url)
    await client.connect()
    const { rows } = await client.query('select 1 from pg_stat_activity where application_name = $1', [NAME])
    await client.end()
    return rows.length
  }

  it('is closed behind the response', async () => {
    const { call, stop } = await served()
    expect(await call('POST', '/queues/by_request/messages', { json: { body: { n: 1 } } })).toMatchObject({
      status: 201,
    })
    expect(await call('GET', '/queues/nowhere')).toMatchObject({ status: 404 })
    await until('no connection is left', async () => (await connections()) === 0)
    await stop()
  })

  it('is not made for what needs none', async () => {
    let made = 0
    const client = (): PgmqClient => {
      made++
      return make()
    }
    const { call, stop } = await serveRoutes(createQueueRoutes({ client, authorize: () => false }))
    await call('GET', '/queues')
    await call('GET', '/health/live')
    expect(made).toBe(0)
    await stop()
  })

  it('stays open as long as its event stream', async () => {
    const { call, url, stop } = await served()
    await call('PUT', '/queues/streamed')
    const events = await openEvents(`${url}/queues/streamed/events?intervalSeconds=1`)
    for (let n = 0; n < 3; n++) expect(await events.next()).toMatchObject({ event: 'metrics' })
    expect(await connections()).toBe(1)
    events.close()
    await until('no connection is left', async () => (await connections()) === 0)
    await stop()
  })

  it('is kept alive by the runtime until it is closed', async () => {
    const kept: Promise<unknown>[] = []
    const app = new Hono().route('/', createQueueRoutes({ client: make, authorize: () => true }))
    const context = {
      waitUntil: (work: Promise<unknown>) => void kept.push(work),
      passThroughOnException: () => {},
      props: {},
    }
    const reply = await app.fetch(new Request('http://localhost/queues'), {}, context)
    expect(reply.status).toBe(200)
    await Promise.all(kept)
    expect(kept).toHaveLength(1)
    expect(await connections()).toBe(0)
  })

  it('leaves the routes of an app alone that it is mounted at the root of', async () => {
    const routes = createQueueRoutes({ client: make, authorize: () => false })
    const app = new Hono().route('/', routes).get('/mine', (c) => c.text('mine'))
    const reply = await app.request('/mine', { headers: { 'Sec-Fetch-Site': 'cross-site' } })
    expect([reply.status, await reply.text()]).toEqual([200, 'mine'])
    expect(await app.request('/queues')).toMatchObject({ status: 403 })
  })
})
