// A user's module that exports its routes, its app and a typed client of it, without writing a type: the compiler must be
// able to name each of them through the packages that the user installed.
import { bearerTokens, createQueueRoutes } from '@pgmq/hono'
import { createClient, createWorker, defineTask, unchecked } from '@pgmq/node-pg'
import { Hono } from 'hono'
import { hc } from 'hono/client'
import { z } from 'zod'

export const sendMail = defineTask({
  name: 'send_mail',
  queue: 'mails',
  input: z.object({ to: z.string() }),
  output: z.object({ mails: z.number() }),
})
export const ping = defineTask({ name: 'ping', queue: 'pings', input: unchecked<{ at: string }>() })
export const tasks = { sendMail, ping }

export const client = createClient('postgres://localhost/app')
export const worker = createWorker({ client, tasks: { ping }, handlers: { ping: ({ at }) => at } })
export const authorize = bearerTokens([{ token: 'a-token-of-32-characters-or-more', roles: ['admin'] }])

export const routes = createQueueRoutes({ client, tasks, worker, authorize })
export const open = createQueueRoutes({ client, allowAnonymous: true })
export const perRequest = createQueueRoutes({
  client: (c) => createClient(String(c.req.header('x-database'))),
  authorize: (c, { action, queue }) => action === 'read' && queue !== null && c.req.header('x-user') === 'ada',
  worker: (_, own) => createWorker({ client: own, tasks: { ping }, handlers: { ping: ({ at }) => at } }),
})

export const app = new Hono().route('/jobs', routes).get('/', (c) => c.text('mine'))
export const rpc = hc<typeof app>('http://localhost')

export const enqueue = () => rpc.jobs.tasks.send_mail.$post({ json: { input: { to: 'ada@example.com' } } })
export const enqueueMany = () => rpc.jobs.tasks.ping.batch.$post({ json: { jobs: [{ input: { at: 'now' } }] } })
export const metrics = async () => {
  const reply = await rpc.jobs.queues[':queue'].metrics.$get({ param: { queue: 'mails' } })
  return reply.ok ? (await reply.json()).length : (await reply.json()).code
}
export const letters = async () => {
  const param = { queue: 'mails' }
  const reply = await rpc.jobs.queues[':queue']['dead-letters'].$get({
    param,
    query: { reason: 'timed_out', limit: 5 },
  })
  return reply.ok ? (await reply.json()).items.map(({ failedAt }) => failedAt) : []
}
