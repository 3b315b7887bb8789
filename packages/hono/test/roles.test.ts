import { createWorker } from '@pgmq/node-pg'
import { describeDatabase, useTestDatabase } from '@pgmq/test-database'
import { beforeAll, describe, expect, it } from 'vitest'
import { bearerTokens, createQueueRoutes, type QueueRole } from '../src/index.js'
import { useRoutes } from './support/served.js'
import * as tasks from './support/tasks.js'

const tokenOf = (role: string): string => `${role}-token-of-32-characters-or-more`
const ROLES = ['read', 'produce', 'operate', 'admin'] as const satisfies readonly QueueRole[]

/** Every route, with who may take it. Ids and filters match nothing, so that the order does not matter. */
const ROUTES: readonly [string, string, readonly QueueRole[], object?][] = [
  ['GET', '/queues', ['read', 'operate', 'admin']],
  ['PUT', '/queues/q', ['admin']],
  ['GET', '/queues/q', ['read', 'operate', 'admin']],
  ['POST', '/queues/q/purge', ['admin']],
  ['GET', '/queues/q/messages', ['read', 'operate', 'admin']],
  ['POST', '/queues/q/messages', ['produce', 'admin'], { body: {}, delaySeconds: 1000 }],
  ['POST', '/queues/q/messages/batch', ['produce', 'admin'], { messages: [] }],
  ['POST', '/queues/q/messages/read', ['operate', 'admin'], {}],
  ['POST', '/queues/q/messages/pop', ['operate', 'admin'], {}],
  ['POST', '/queues/q/messages/999999/archive', ['operate', 'admin'], {}],
  ['DELETE', '/queues/q/messages/999999', ['operate', 'admin']],
  ['PUT', '/queues/q/messages/999999/visibility', ['operate', 'admin'], { seconds: 0 }],
  ['GET', '/queues/q/archive', ['read', 'operate', 'admin']],
  ['GET', '/queues/q/dead-letters', ['read', 'operate', 'admin']],
  ['POST', '/queues/q/dead-letters/redrive', ['operate', 'admin'], { filter: {} }],
  ['POST', '/queues/q/dead-letters/purge', ['admin'], { filter: {} }],
  ['GET', '/queues/q/dead-letters/999999', ['read', 'operate', 'admin']],
  ['DELETE', '/queues/q/dead-letters/999999', ['operate', 'admin']],
  ['POST', '/queues/q/dead-letters/999999/redrive', ['operate', 'admin'], {}],
  ['GET', '/queues/q/metrics', ['read', 'operate', 'admin']],
  ['POST', '/tasks/ping', ['produce', 'admin'], { input: { at: 'x' }, delaySeconds: 1000 }],
  ['POST', '/tasks/ping/batch', ['produce', 'admin'], { jobs: [] }],
  ['GET', '/metrics', ['read', 'operate', 'admin']],
  ['GET', '/metrics/queues', ['read', 'operate', 'admin']],
  ['POST', '/drain', ['operate', 'admin'], {}],
  ['GET', '/openapi.json', ['read', 'operate', 'admin']],
  ['DELETE', '/queues/dropped', ['admin']],
]

describeDatabase('roles', () => {
  const database = useTestDatabase()
  const authorize = bearerTokens([
    ...ROLES.map((role) => ({ token: tokenOf(role), roles: [role] })),
    { token: tokenOf('both'), roles: ['read', 'produce'] },
    { token: tokenOf('limited'), roles: ['admin'], queues: ['mine', 'user_tasks'] },
  ])
  const routes = useRoutes(database, (client) =>
    createQueueRoutes({
      client,
      tasks: { ping: tasks.ping },
      authorize,
      worker: createWorker({ client, tasks: { ping: tasks.ping }, handlers: { ping: () => undefined } }),
    }),
  )
  beforeAll(async () => {
    for (const queue of ['q', 'mine', 'theirs']) await routes.client.queues.create(queue)
  })

  it('are tested on every route that there is', async () => {
    const { json } = await routes.call('GET', '/openapi.json', { token: tokenOf('read') })
    const documented = Object.entries<object>(json.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    )
    const tested = ROUTES.map(([method, path]) => {
      const pattern = path.replace('/queues/q', '/queues/{queue}').replace('/queues/dropped', '/queues/{queue}')
      return `${method} ${pattern.replace('999999', '{id}')}`
    })
    const elsewhere = ['GET /health/live', 'GET /health/ready', 'GET /queues/{queue}/events']
    expect([...tested, ...elsewhere].sort()).toEqual(documented.sort())
  })

  describe.each(ROUTES)('%s %s', (method, path, allowed, json) => {
    it.each(ROLES)('is allowed or refused to %s', async (role) => {
      const { status, json: answer } = await routes.call(method, path, { token: tokenOf(role), ...(json && { json }) })
      if (allowed.includes(role)) expect([200, 201, 404]).toContain(status)
      else expect({ status, code: answer.code }).toEqual({ status: 403, code: 'FORBIDDEN' })
      if (status === 404) expect(answer.code).toMatch(/^(QUEUE|MESSAGE)_NOT_FOUND$/)
    })

    it('is refused without a token, and with a wrong one', async () => {
      for (const token of [undefined, 'x'.repeat(32), `${tokenOf('admin')}x`, tokenOf('admin').slice(0, -1)]) {
        const reply = await routes.call(method, path, { ...(token && { token }), ...(json && { json }) })
        expect(reply).toMatchObject({ status: 401, json: { code: 'UNAUTHENTICATED' } })
        expect(reply.headers.get('WWW-Authenticate')).toBe('Bearer')
      }
    })
  })

  it('add up', async () => {
    const token = tokenOf('both')
    expect(await routes.call('GET', '/queues/q', { token })).toMatchObject({ status: 200 })
    const request = { token, json: { body: {}, delaySeconds: 1000 } }
    expect(await routes.call('POST', '/queues/q/messages', request)).toMatchObject({ status: 201 })
    expect(await routes.call('POST', '/queues/q/purge', { token })).toMatchObject({ status: 403 })
  })

  it('are for some queues alone, where a token names them', async () => {
    const token = tokenOf('limited')
    const statusOf = async (method: string, path: string, json?: object) =>
      (await routes.call(method, path, { token, ...(json && { json }) })).status
    expect(await statusOf('GET', '/queues/mine')).toBe(200)
    expect(await statusOf('POST', '/tasks/ping', { input: { at: 'x' } })).toBe(201)
    expect(await statusOf('GET', '/queues/theirs')).toBe(403)
    expect(await statusOf('GET', '/queues/mine_dlq/messages')).toBe(403)
    expect(await statusOf('POST', '/queues/theirs/messages', { body: {} })).toBe(403)
    expect(await statusOf('PUT', '/queues/another')).toBe(403)
    // What is about all queues.
    expect(await statusOf('GET', '/queues')).toBe(403)
    expect(await statusOf('GET', '/metrics')).toBe(403)
    expect(await statusOf('POST', '/drain')).toBe(403)
  })
})
