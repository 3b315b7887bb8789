import type { PgmqClient, QueueInfo } from '@pgmq/core'
import { Refusal } from '../problem.js'
import { type Route, route } from '../route.js'
import { answers, archivePage, createQueue, page } from '../schemas.js'

/** Queues, and what lies in them. */
export const queueRoutes: readonly Route[] = [
  route({
    method: 'get',
    path: '/queues',
    action: 'read',
    name: 'listQueues',
    summary: 'All queues, dead-letter queues included',
    answer: answers.queues,
    handle: async ({ client }) => ({ items: await client.queues.list() }),
  }),
  route({
    method: 'put',
    path: '/queues/:queue',
    action: 'admin',
    name: 'createQueue',
    summary: 'Creates a queue and its dead-letter queue, where they are missing',
    query: createQueue,
    answer: answers.created,
    handle: async ({ client, queue, query }) => {
      await client.queues.create(queue, query)
      return { name: queue }
    },
  }),
  route({
    method: 'get',
    path: '/queues/:queue',
    action: 'read',
    name: 'inspectQueue',
    summary: 'One queue, with its metrics',
    answer: answers.queue,
    handle: async ({ client, queue }) => ({
      ...(await infoOf(client, queue)),
      metrics: await client.queues.metrics(queue),
    }),
  }),
  route({
    method: 'delete',
    path: '/queues/:queue',
    action: 'admin',
    name: 'dropQueue',
    summary: 'Removes a queue with all its messages and its archive; its dead-letter queue stays',
    answer: answers.dropped,
    handle: async ({ client, queue }) => {
      if (!(await client.queues.drop(queue))) throw noQueue(queue)
      return { dropped: true }
    },
  }),
  route({
    method: 'post',
    path: '/queues/:queue/purge',
    action: 'admin',
    name: 'purgeQueue',
    summary: 'Removes every message of a queue, leased ones included',
    answer: answers.purged,
    handle: async ({ client, queue }) => ({ purged: await client.queues.purge(queue) }),
  }),
  route({
    method: 'get',
    path: '/queues/:queue/messages',
    action: 'read',
    name: 'peekMessages',
    summary: 'Messages by id, without leasing them',
    query: page,
    answer: answers.messages,
    handle: ({ client, queue, query }) => client.queues.peek(queue, query),
  }),
  route({
    method: 'get',
    path: '/queues/:queue/archive',
    action: 'read',
    name: 'listArchive',
    summary: 'Archived messages by id, all or those of a task',
    query: archivePage,
    answer: answers.archive,
    handle: ({ client, queue, query }) => client.queues.archived(queue, query),
  }),
]

async function infoOf(client: PgmqClient, queue: string): Promise<QueueInfo> {
  const info = (await client.queues.list()).find(({ name }) => name === queue)
  if (!info) throw noQueue(queue)
  return info
}

const noQueue = (queue: string): Refusal => new Refusal(404, 'QUEUE_NOT_FOUND', `there is no queue "${queue}"`)
