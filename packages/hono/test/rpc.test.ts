import { createClient } from '@pgmq/node-pg'
import { describeDatabase, useTestDatabase } from '@pgmq/test-database'
import { Hono } from 'hono'
import { hc } from 'hono/client'
import { expect, expectTypeOf, it } from 'vitest'
import { createQueueRoutes, type Problem } from '../src/index.js'
import { useRoutes } from './support/served.js'
import * as tasks from './support/tasks.js'

// Only its type is used: the app that the client below talks to is behind the socket.
function appOf() {
  const client = createClient('postgres://localhost/nothing')
  return new Hono().route('/jobs', createQueueRoutes({ client, tasks, authorize: () => true }))
}

describeDatabase("Hono's typed client", () => {
  const database = useTestDatabase()
  const routes = useRoutes(database, (client) => createQueueRoutes({ client, tasks, authorize: () => true }))
  const rpc = () => hc<ReturnType<typeof appOf>>(new URL(routes.url).origin).jobs

  it('enqueues a task, and takes its own input alone', async () => {
    const reply = await rpc().tasks.send_welcome_email.$post({ json: { input: { email: 'ada@example.com' } } })
    expect(reply.status).toBe(201)
    if (!reply.ok) throw new Error((await reply.json()).detail)
    const enqueued = await reply.json()
    expectTypeOf(enqueued.id).toBeString()
    expect(enqueued).toMatchObject({ queue: 'user_tasks', status: 'enqueued' })

    const wrong = async (): Promise<unknown> => [
      // @ts-expect-error another task's input
      await rpc().tasks.resize_image.$post({ json: { input: { email: 'ada@example.com' } } }),
      // @ts-expect-error a task that there is not
      await rpc().tasks.unheard_of.$post({ json: { input: {} } }),
    ]
    expectTypeOf(wrong).toBeFunction()
  })

  it('enqueues many, reads, and finishes', async () => {
    const jobs = [{ input: { at: 'a' } }, { input: { at: 'b' }, delaySeconds: 60 }]
    await rpc().tasks.ping.batch.$post({ json: { jobs } })
    const { messages } = rpc().queues[':queue']
    const leased = await messages.read.$post({ param: { queue: 'user_tasks' }, json: { limit: 10 } })
    if (!leased.ok) throw new Error((await leased.json()).detail)
    const { items } = await leased.json()
    expectTypeOf<(typeof items)[number]['enqueuedAt']>().toBeString()
    for (const { id, receipt } of items) {
      const param = { queue: 'user_tasks', id }
      const reply = await messages[':id'].archive.$post({ param, json: { receipt } })
      expect(await reply.json()).toEqual({ archived: true })
    }
    const page = await rpc().queues[':queue'].archive.$get({
      param: { queue: 'user_tasks' },
      query: { limit: 1, task: 'ping' },
    })
    if (!page.ok) throw new Error((await page.json()).detail)
    expect((await page.json()).items).toMatchObject([{ body: { task: 'ping', at: 'a' } }])
  })

  it('tells answers from problems', async () => {
    const reply = await rpc().queues[':queue'].metrics.$get({ param: { queue: 'nowhere' } })
    if (reply.ok) throw new Error('there is no such queue')
    const problem = await reply.json()
    expectTypeOf(problem).toEqualTypeOf<Problem>()
    expect(problem.code).toBe('QUEUE_NOT_FOUND')
  })
})
