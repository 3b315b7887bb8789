import { describeDatabase, useTestDatabase } from '@pgmq/test-database'
import { expect, it } from 'vitest'
import { createQueueRoutes } from '../src/index.js'
import { useRoutes } from './support/served.js'
import * as tasks from './support/tasks.js'

describeDatabase('tasks over HTTP', () => {
  const database = useTestDatabase()
  const routes = useRoutes(database, (client) => createQueueRoutes({ client, tasks, authorize: () => true }))

  it('are enqueued with the input as it was given, checked by their schema', async () => {
    const json = { input: { email: 'ada@example.com' }, delaySeconds: 5, headers: { tenant: 'acme' } }
    const reply = await routes.call('POST', '/tasks/send_welcome_email', { json })
    expect(reply).toMatchObject({ status: 201, json: { queue: 'user_tasks', status: 'enqueued' } })
    const { items } = await routes.client.queues.peek('user_tasks')
    expect(items.at(-1)).toMatchObject({
      id: reply.json.id,
      body: { task: 'send_welcome_email', email: 'ada@example.com' },
      headers: { tenant: 'acme' },
    })
  })

  it.each([
    ['send_welcome_email', { email: 'nobody' }, ['email']],
    ['resize_image', { key: 'a.png', width: 0 }, ['width']],
    ['index_product', { productId: 7 }, ['productId']],
  ])('are refused when their schema does: %s', async (name, input, path) => {
    const reply = await routes.call('POST', `/tasks/${name}`, { json: { input } })
    expect(reply).toMatchObject({
      status: 422,
      json: { code: 'INPUT_INVALID', index: 0, issues: [{ path, message: expect.any(String) }] },
    })
  })

  it('are enqueued many at once, each with options of its own', async () => {
    const jobs = [{ input: { key: 'a', width: 1 } }, { input: { key: 'b', width: 2 }, delaySeconds: 60 }]
    const reply = await routes.call('POST', '/tasks/resize_image/batch', { json: { jobs } })
    expect(reply).toMatchObject({ status: 201, json: { items: [{ queue: 'media' }, { queue: 'media' }] } })
    expect(await routes.client.queues.metrics('media')).toMatchObject({ length: 2, visibleLength: 1 })
  })

  it('are enqueued all or none, and the one that is wrong is told', async () => {
    await routes.client.queues.create('search')
    const jobs = [{ input: { productId: 'a' } }, { input: { product: 'b' } }]
    const reply = await routes.call('POST', '/tasks/index_product/batch', { json: { jobs } })
    expect(reply).toMatchObject({ status: 422, json: { code: 'INPUT_INVALID', index: 1 } })
    expect((await routes.client.queues.metrics('search')).length).toBe(0)
  })

  it('that are not known are not there', async () => {
    const reply = await routes.call('POST', '/tasks/unheard_of', { json: { input: {} } })
    expect(reply).toMatchObject({ status: 404, json: { code: 'NOT_FOUND' } })
  })
})
