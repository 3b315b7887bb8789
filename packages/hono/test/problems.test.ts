import { createClient } from '@pgmq/node-pg'
import { describeDatabase, startProxy, useTestDatabase } from '@pgmq/test-database'
import { HTTPException } from 'hono/http-exception'
import { describe, expect, it } from 'vitest'
import { type Authorize, createQueueRoutes } from '../src/index.js'
import { serveRoutes, useRoutes } from './support/served.js'
import { keepingLogger } from './support/silent.js'

describeDatabase('problems', () => {
  const database = useTestDatabase()
  const logger = keepingLogger()
  let authorize: Authorize = () => true
  const routes = useRoutes(database, (client) =>
    createQueueRoutes({ client, authorize: (c, request) => authorize(c, request), logger }),
  )

  it('say all that RFC 9457 wants, and a code', async () => {
    const reply = await routes.call('GET', '/queues/nowhere/metrics')
    expect(reply.headers.get('Content-Type')).toBe('application/problem+json')
    expect(reply.json).toEqual({
      type: 'about:blank',
      title: 'Not Found',
      status: 404,
      detail: expect.stringContaining('"nowhere"'),
      code: 'QUEUE_NOT_FOUND',
      requestId: reply.headers.get('X-Request-Id'),
    })
  })

  it.each([
    ['GET', '/queues/q/nothing'],
    ['PATCH', '/queues/q'],
    ['GET', '/tasks/none'],
  ])('are what there is no route for: %s %s', async (method, path) => {
    expect(await routes.call(method, path)).toMatchObject({ status: 404, json: { code: 'NOT_FOUND' } })
  })

  describe('of your authorize', () => {
    it.each([
      ['an error', new Error('secret: 42'), 500, 'INTERNAL'],
      ['an HTTPException', new HTTPException(401, { message: 'log in first' }), 401, 'UNAUTHENTICATED'],
      ['one of another status', new HTTPException(429, { message: 'slow down' }), 429, 'FORBIDDEN'],
    ])('refuse: %s', async (_, error, status, code) => {
      authorize = () => {
        throw error
      }
      const reply = await routes.call('GET', '/queues')
      authorize = () => true
      expect(reply).toMatchObject({ status, json: { status, code } })
      expect(reply.text).not.toMatch(/secret|at .*:\d+:\d+/)
    })

    it('keep the response of its own', async () => {
      authorize = () => {
        throw new HTTPException(401, { res: new Response(null, { status: 401, headers: { Location: '/login' } }) })
      }
      const reply = await routes.call('GET', '/queues')
      authorize = () => true
      expect(reply.status).toBe(401)
      expect(reply.headers.get('Location')).toBe('/login')
    })

    it.each([undefined, null, 'yes', 1])('refuse when it says %j', async (verdict) => {
      authorize = () => verdict as never
      const reply = await routes.call('GET', '/queues')
      authorize = () => true
      expect(reply).toMatchObject({ status: 403, json: { code: 'FORBIDDEN' } })
    })
  })

  it('of a connection that broke say that it may have taken place, and tell no host', async () => {
    await using proxy = await startProxy(database.url)
    const client = createClient(proxy.url, { queryTimeoutSeconds: 1 })
    await client.enqueue('broken', { n: 1 })
    const served = await serveRoutes(createQueueRoutes({ client, authorize: () => true, logger }))
    proxy.freeze()
    const reply = await served.call('POST', '/queues/broken/messages', { json: { body: { n: 2 } } })
    expect(reply).toMatchObject({
      status: 500,
      json: { code: 'OUTCOME_UNKNOWN', detail: expect.stringMatching(/may have taken place/) },
    })
    expect(reply.text).not.toMatch(/127\.0\.0\.1|postgres/)
    expect(logger.lines).toContainEqual(
      expect.objectContaining({ fields: expect.objectContaining({ requestId: reply.json.requestId }) }),
    )
    await served.stop()
    await client.close()
  })

  it('of a client that is closed ask to try again', async () => {
    const client = createClient(database.url)
    await client.close()
    const served = await serveRoutes(createQueueRoutes({ client, authorize: () => true, logger }))
    const reply = await served.call('GET', '/queues')
    expect(reply).toMatchObject({ status: 503, json: { code: 'CLIENT_CLOSED' } })
    expect(reply.headers.get('Retry-After')).toBe('1')
    await served.stop()
  })

  it('of a name that may not be created name the rule', async () => {
    for (const [name, detail] of [
      ['9lives', /begin with a letter/],
      ['a-b', /lower case letters, digits and _/],
      ['x'.repeat(44), /43 are allowed/],
      ['emails_pkey', /may not end in/],
    ] as const)
      expect(await routes.call('PUT', `/queues/${name}`)).toMatchObject({
        status: 400,
        json: { code: 'QUEUE_NAME_INVALID', detail: expect.stringMatching(detail) },
      })
  })

  it('of a read-only mode are all that would change anything', async () => {
    const served = await serveRoutes(
      createQueueRoutes({ client: routes.client, authorize: () => true, readOnly: true }),
    )
    await routes.client.queues.create('kept')
    for (const [method, path] of [
      ['PUT', '/queues/new_one'],
      ['DELETE', '/queues/kept'],
      ['POST', '/queues/kept/purge'],
      ['POST', '/queues/kept/messages'],
      ['POST', '/queues/kept/messages/read'],
      ['POST', '/queues/kept/dead-letters/redrive'],
    ] as const)
      expect(await served.call(method, path)).toMatchObject({ status: 403, json: { code: 'READ_ONLY' } })
    expect(await served.call('GET', '/queues/kept')).toMatchObject({ status: 200 })
    await served.stop()
  })
})
