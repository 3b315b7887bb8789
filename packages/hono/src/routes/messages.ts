import type { Lease, Message, MessageRef, PgmqClient } from '@pgmq/core'
import { optionsOf } from '../job-options.js'
import { Refusal } from '../problem.js'
import { type Route, route } from '../route.js'
import { answers, enqueueBodies, enqueueBody, lease, pop, receipt, visibility } from '../schemas.js'

/** Messages on their way: enqueued, leased, finished. */
export const messageRoutes: readonly Route[] = [
  route({
    method: 'post',
    path: '/queues/:queue/messages',
    action: 'produce',
    name: 'enqueueMessage',
    summary: 'Adds one job by its body, which no schema checks',
    body: enqueueBody,
    status: 201,
    answer: answers.enqueued,
    handle: ({ client, queue, body }) => client.enqueue(queue, body.body, optionsOf(body)),
  }),
  route({
    method: 'post',
    path: '/queues/:queue/messages/batch',
    action: 'produce',
    name: 'enqueueMessages',
    summary: 'Adds jobs by their bodies, all or none',
    body: enqueueBodies,
    status: 201,
    answer: answers.manyEnqueued,
    handle: async ({ client, queue, body: { messages } }) => {
      const bodies = messages.map(({ body }) => body)
      const options = messages.map(optionsOf)
      return { items: await client.enqueueMany(queue, bodies, (_, i) => options[i] ?? {}) }
    },
  }),
  route({
    method: 'post',
    path: '/queues/:queue/messages/read',
    action: 'operate',
    name: 'leaseMessages',
    summary: 'Leases messages, and waits for some if told to: each has a receipt, which finishes it',
    body: lease,
    answer: answers.leased,
    handle: async ({ c, client, queue, body: { limit = 1, ...wait } }) => ({
      items: await client.dequeueMany(queue, { ...wait, limit, signal: c.req.raw.signal }),
    }),
  }),
  route({
    method: 'post',
    path: '/queues/:queue/messages/pop',
    action: 'operate',
    name: 'popMessages',
    summary: 'Takes messages for good: what is lost on the way is lost',
    body: pop,
    answer: answers.leased,
    handle: async ({ client, queue, body: { limit = 1 } }) => ({ items: await popFrom(client, queue, limit) }),
  }),
  route({
    method: 'post',
    path: '/queues/:queue/messages/:id/archive',
    action: 'operate',
    name: 'archiveMessage',
    summary: 'Moves a message to the archive: with a receipt only while its lease lasts',
    body: receipt,
    answer: answers.archived,
    handle: async ({ client, queue, id, body }) => {
      const message = named(queue, id, body)
      if (!(await client.archive(message))) throw notThere(message)
      return { archived: true }
    },
  }),
  route({
    method: 'delete',
    path: '/queues/:queue/messages/:id',
    action: 'operate',
    name: 'deleteMessage',
    summary: 'Deletes a message: with a receipt only while its lease lasts',
    query: receipt,
    answer: answers.deleted,
    handle: async ({ client, queue, id, query }) => {
      const message = named(queue, id, query)
      if (!(await client.delete(message))) throw notThere(message)
      return { deleted: true }
    },
  }),
  route({
    method: 'put',
    path: '/queues/:queue/messages/:id/visibility',
    action: 'operate',
    name: 'setVisibility',
    summary: 'Makes a message visible in so many seconds, 0 at once: with a receipt only while its lease lasts',
    body: visibility,
    answer: answers.moved,
    handle: async ({ client, queue, id, body }) => {
      const message = named(queue, id, body)
      if (!(await client.setVisibility(message, body.seconds))) throw notThere(message)
      return { moved: true }
    },
  }),
]

/** A lease where there is a receipt, else an operator's reference: an undefined receipt would be neither. */
function named(queue: string, id: string, { receipt }: { readonly receipt?: string }): Lease | MessageRef {
  return receipt === undefined ? { queue, id } : { queue, id, receipt }
}

function notThere(message: Lease | MessageRef): Refusal {
  const { queue, id } = message
  if (!('receipt' in message))
    return new Refusal(404, 'MESSAGE_NOT_FOUND', `there is no message ${id} in queue "${queue}"`)
  return new Refusal(409, 'LEASE_LOST', `the lease on message ${id} of queue "${queue}" is lost: nothing was changed`)
}

/** Those that it leased and then deleted: one that another took in between is not among them. */
async function popFrom(client: PgmqClient, queue: string, limit: number): Promise<readonly Message[]> {
  const leased = await client.dequeueMany(queue, { limit })
  const deleted = new Set((await client.deleteMany(leased)).map(({ id }) => id))
  return leased.filter(({ id }) => deleted.has(id))
}
