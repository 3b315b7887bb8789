import { describeDatabase, useTestDatabase } from '@pgmq/test-database'
import { expect, it } from 'vitest'
import { createQueueRoutes } from '../src/index.js'
import { makeLetters } from './support/letters.js'
import { useRoutes } from './support/served.js'

const JOBS = [
  { body: { task: 'mail', to: 'a' }, error: 'connection timeout' },
  { body: { task: 'mail', to: 'b' }, error: 'mailbox full' },
  { body: { task: 'resize', key: 'c' }, error: 'read timeout' },
]

describeDatabase('dead letters over HTTP', () => {
  const database = useTestDatabase()
  const routes = useRoutes(database, (client) => createQueueRoutes({ client, authorize: () => true }))
  const idsOf = (json: { readonly items: readonly { readonly id: string }[] }) => json.items.map(({ id }) => id)

  it('are listed page by page, and inspected one by one', async () => {
    const ids = await makeLetters(routes.client, 'listed', JOBS)
    const first = await routes.call('GET', '/queues/listed/dead-letters?limit=2')
    expect(first.json).toMatchObject({
      items: [
        {
          queue: 'listed_dlq',
          id: ids[0],
          originalQueue: 'listed',
          error: 'connection timeout',
          reason: 'permanent',
          retryCount: 0,
          failedAt: expect.stringMatching(/Z$/),
          body: { task: 'mail', to: 'a' },
        },
        { id: ids[1] },
      ],
      nextCursor: ids[1],
    })
    const rest = await routes.call('GET', `/queues/listed/dead-letters?limit=2&after=${ids[1]}`)
    expect(rest.json).toMatchObject({ items: [{ id: ids[2] }], nextCursor: null })
    const one = await routes.call('GET', `/queues/listed/dead-letters/${ids[1]}`)
    expect(one).toMatchObject({ status: 200, json: { id: ids[1], error: 'mailbox full' } })
    const none = await routes.call('GET', '/queues/listed/dead-letters/999')
    expect(none).toMatchObject({ status: 404, json: { code: 'MESSAGE_NOT_FOUND' } })
  })

  it('are filtered by task, reason, error text and time', async () => {
    const ids = await makeLetters(routes.client, 'filtered', JOBS)
    const listed = async (query: string) =>
      idsOf((await routes.call('GET', `/queues/filtered/dead-letters${query}`)).json)
    expect(await listed('?task=mail')).toEqual([ids[0], ids[1]])
    expect(await listed('?errorContains=timeout')).toEqual([ids[0], ids[2]])
    expect(await listed('?reason=permanent&task=resize')).toEqual([ids[2]])
    expect(await listed('?reason=crash_loop')).toEqual([])
    expect(await listed('?failedAfter=2020-01-01T00:00:00Z')).toEqual(ids)
    expect(await listed('?failedBefore=2020-01-01T00:00:00Z')).toEqual([])
    for (const wrong of ['?reason=bad_luck', '?failedAfter=yesterday', '?error=x'])
      expect(await routes.call('GET', `/queues/filtered/dead-letters${wrong}`)).toMatchObject({ status: 400 })
  })

  it('are redriven: those that a filter matches, then all', async () => {
    await makeLetters(routes.client, 'redriven', JOBS)
    const redrive = async (json: unknown) =>
      (await routes.call('POST', '/queues/redriven/dead-letters/redrive', { json })).json
    expect(await redrive({ filter: { errorContains: 'timeout', task: 'mail' } })).toEqual({ redriven: 1 })
    expect(await redrive({ filter: { ids: ['999'] } })).toEqual({ redriven: 0 })
    expect(await redrive({ filter: {}, perSecond: 1000 })).toEqual({ redriven: 2 })
    const { items } = await routes.client.queues.peek('redriven')
    expect(items.map(({ body }) => body)).toEqual(JOBS.map(({ body }) => body))
    expect((await routes.client.deadLetters.list('redriven')).items).toEqual([])
  })

  it.each([{}, { filter: { everything: true } }, { filter: { ids: [7] } }, { filter: {}, perSecond: 0 }])(
    'are not redriven by %j',
    async (json) => {
      const reply = await routes.call('POST', '/queues/redriven/dead-letters/redrive', { json })
      expect(reply).toMatchObject({ status: 400, json: { code: 'REQUEST_INVALID' } })
    },
  )

  it('are edited and redriven, or as they were, one by one', async () => {
    const ids = await makeLetters(routes.client, 'edited', JOBS)
    const redrive = (id: string | undefined, request?: object) =>
      routes.call('POST', `/queues/edited/dead-letters/${id}/redrive`, request)
    const edited = { task: 'mail', to: 'someone@else.example' }
    expect((await redrive(ids[0], { json: { body: edited } })).json).toEqual({ redriven: 1 })
    expect((await redrive(ids[2])).json).toEqual({ redriven: 1 })
    expect(await redrive(ids[0])).toMatchObject({ status: 404, json: { code: 'MESSAGE_NOT_FOUND' } })
    expect(await redrive(ids[1], { json: { body: 'no object' } })).toMatchObject({ status: 400 })
    const { items } = await routes.client.queues.peek('edited')
    expect(items.map(({ body }) => body)).toEqual([edited, JOBS[2]?.body])
    expect(idsOf(await routes.client.deadLetters.list('edited'))).toEqual([ids[1]])
  })

  it('are deleted: one, those that a filter matches, all', async () => {
    const [id] = await makeLetters(routes.client, 'purged', JOBS)
    const path = '/queues/purged/dead-letters'
    expect((await routes.call('DELETE', `${path}/${id}`)).json).toEqual({ deleted: true })
    expect(await routes.call('DELETE', `${path}/${id}`)).toMatchObject({ status: 404 })
    const purge = async (json: unknown) => (await routes.call('POST', `${path}/purge`, { json })).json
    expect(await purge({ filter: { task: 'resize' } })).toEqual({ purged: 1 })
    expect(await purge({})).toMatchObject({ code: 'REQUEST_INVALID' })
    expect(await purge({ filter: {} })).toEqual({ purged: 1 })
  })

  it('of a queue that there is not are not found', async () => {
    const reply = await routes.call('GET', '/queues/nowhere/dead-letters')
    expect(reply).toMatchObject({ status: 404, json: { code: 'QUEUE_NOT_FOUND' } })
  })
})
