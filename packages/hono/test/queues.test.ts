import { describeDatabase, useTestDatabase } from '@pgmq/test-database'
import { expect, it } from 'vitest'
import { createQueueRoutes } from '../src/index.js'
import { useRoutes } from './support/served.js'

describeDatabase('queues over HTTP', () => {
  const database = useTestDatabase()
  const routes = useRoutes(database, (client) => createQueueRoutes({ client, authorize: () => true }))

  it('are created with their dead-letter queues, listed and inspected', async () => {
    expect(await routes.call('PUT', '/queues/emails')).toMatchObject({ status: 200, json: { name: 'emails' } })
    // Again: it is there, and stays.
    expect(await routes.call('PUT', '/queues/emails')).toMatchObject({ status: 200 })

    const { json } = await routes.call('GET', '/queues')
    expect(json.items.map(({ name }: { name: string }) => name)).toEqual(['emails', 'emails_dlq'])
    expect(await routes.call('GET', '/queues/emails')).toMatchObject({
      status: 200,
      json: {
        name: 'emails',
        createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        unlogged: false,
        partitioned: false,
        metrics: { queue: 'emails', length: 0, visibleLength: 0, oldestAgeSeconds: null, totalMessages: 0 },
      },
    })
  })

  it('are unlogged when asked to be', async () => {
    await routes.call('PUT', '/queues/fleeting?unlogged=true')
    expect((await routes.call('GET', '/queues/fleeting')).json).toMatchObject({ unlogged: true })
  })

  it('are purged and dropped, and then are not there', async () => {
    await routes.client.enqueueMany('short_lived', [{ n: 1 }, { n: 2 }])
    expect(await routes.call('POST', '/queues/short_lived/purge')).toMatchObject({ status: 200, json: { purged: 2 } })
    expect(await routes.call('DELETE', '/queues/short_lived')).toMatchObject({ status: 200, json: { dropped: true } })
    for (const [method, path] of [
      ['DELETE', ''],
      ['GET', ''],
      ['GET', '/metrics'],
      ['GET', '/messages'],
      ['POST', '/purge'],
      ['GET', '/archive'],
    ] as const) {
      const reply = await routes.call(method, `/queues/short_lived${path}`)
      expect(reply).toMatchObject({ status: 404, json: { code: 'QUEUE_NOT_FOUND', status: 404 } })
    }
  })

  it('show their messages page by page, and lease none', async () => {
    const ids = (await routes.client.enqueueMany('paged', [{ n: 1 }, { n: 2 }, { n: 3 }])).map(({ id }) => id)
    const first = await routes.call('GET', '/queues/paged/messages?limit=2')
    expect(first.json).toMatchObject({
      items: [
        { id: ids[0], queue: 'paged', body: { n: 1 }, headers: {}, readCount: 0 },
        { id: ids[1], body: { n: 2 } },
      ],
      nextCursor: ids[1],
    })
    const second = await routes.call('GET', `/queues/paged/messages?limit=2&after=${first.json.nextCursor}`)
    expect(second.json).toMatchObject({ items: [{ id: ids[2] }], nextCursor: null })
    expect((await routes.client.queues.metrics('paged')).visibleLength).toBe(3)
  })

  it('show their archive page by page, all of it or that of a task', async () => {
    const sent = await routes.client.enqueueMany('old', [{ task: 'a' }, { task: 'b' }, { task: 'a' }])
    await routes.client.archiveMany(sent)
    const { json } = await routes.call('GET', '/queues/old/archive?task=a&limit=1')
    expect(json).toMatchObject({
      items: [{ id: sent[0]?.id, archivedAt: expect.stringMatching(/Z$/) }],
      nextCursor: sent[0]?.id,
    })
    const rest = await routes.call('GET', `/queues/old/archive?task=a&after=${sent[0]?.id}`)
    expect(rest.json).toMatchObject({ items: [{ id: sent[2]?.id }], nextCursor: null })
    expect((await routes.call('GET', '/queues/old/archive')).json.items).toHaveLength(3)
  })

  it.each([
    ['?limit=0', 'limit'],
    ['?limit=1001', 'limit'],
    ['?limit=ten', 'limit'],
    ['?limit=1.5', 'limit'],
    ['?after=-1', 'after'],
    ['?after=1%20or%201=1', 'after'],
    ['?offset=3', 'offset'],
  ])('give no page for %s', async (query, field) => {
    await routes.call('PUT', '/queues/emails')
    const reply = await routes.call('GET', `/queues/emails/messages${query}`)
    expect(reply).toMatchObject({ status: 400, json: { code: 'REQUEST_INVALID', issues: [{ path: [field] }] } })
  })
})
