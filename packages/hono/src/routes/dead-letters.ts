import type { DeadLetterFilter } from '@pgmq/core'
import type * as v from 'valibot'
import { Refusal } from '../problem.js'
import { type Route, route } from '../route.js'
import { answers, letterPage, purgeLetters, redriveLetter, redriveLetters } from '../schemas.js'

/** What failed for good. The queue is the one that it failed in, never its `_dlq`. */
export const deadLetterRoutes: readonly Route[] = [
  route({
    method: 'get',
    path: '/queues/:queue/dead-letters',
    action: 'read',
    name: 'listDeadLetters',
    summary: 'Dead letters by id, all or those that a filter matches',
    query: letterPage,
    answer: answers.letters,
    handle: ({ client, queue, query: { limit, after, ...filter } }) => {
      const page = { ...(limit !== undefined && { limit }), ...(after !== undefined && { after }) }
      return client.deadLetters.list(queue, { ...filterOf(filter), ...page })
    },
  }),
  route({
    method: 'get',
    path: '/queues/:queue/dead-letters/:id',
    action: 'read',
    name: 'inspectDeadLetter',
    summary: 'One dead letter',
    answer: answers.letter,
    handle: async ({ client, queue, id }) => {
      const { items } = await client.deadLetters.list(queue, { ids: [id], limit: 1 })
      return items[0] ?? notThere(queue, id)
    },
  }),
  route({
    method: 'post',
    path: '/queues/:queue/dead-letters/redrive',
    action: 'operate',
    name: 'redriveDeadLetters',
    summary: 'Puts back the letters that a filter matches, all for an empty one, as they were',
    body: redriveLetters,
    answer: answers.redriven,
    handle: ({ c, client, queue, body: { filter, perSecond } }) =>
      client.deadLetters.redrive(queue, filterOf(filter), {
        ...(perSecond !== undefined && { perSecond }),
        signal: c.req.raw.signal,
      }),
  }),
  route({
    method: 'post',
    path: '/queues/:queue/dead-letters/purge',
    action: 'admin',
    name: 'purgeDeadLetters',
    summary: 'Deletes the letters that a filter matches, all for an empty one',
    body: purgeLetters,
    answer: answers.purged,
    handle: async ({ client, queue, body }) => ({
      purged: await client.deadLetters.purge(queue, filterOf(body.filter)),
    }),
  }),
  route({
    method: 'post',
    path: '/queues/:queue/dead-letters/:id/redrive',
    action: 'operate',
    name: 'redriveDeadLetter',
    summary: 'Puts one letter back, as it was or with another body',
    body: redriveLetter,
    answer: answers.redriven,
    handle: async ({ client, queue, id, body: { body } }) => {
      const edit = body === undefined ? {} : { edit: () => body }
      const { redriven } = await client.deadLetters.redrive(queue, { ids: [id] }, edit)
      return redriven > 0 ? { redriven } : notThere(queue, id)
    },
  }),
  route({
    method: 'delete',
    path: '/queues/:queue/dead-letters/:id',
    action: 'operate',
    name: 'deleteDeadLetter',
    summary: 'Deletes one letter',
    answer: answers.deleted,
    handle: async ({ client, queue, id }) => {
      const purged = await client.deadLetters.purge(queue, { ids: [id] })
      return purged > 0 ? { deleted: true } : notThere(queue, id)
    },
  }),
]

type GivenFilter = v.InferOutput<typeof redriveLetters>['filter']

/** Only fields that are there: an undefined one could mean every letter. */
function filterOf({ failedAfter, failedBefore, ...filter }: GivenFilter): DeadLetterFilter {
  return {
    ...filter,
    ...(failedAfter !== undefined && { failedAfter: new Date(failedAfter) }),
    ...(failedBefore !== undefined && { failedBefore: new Date(failedBefore) }),
  }
}

function notThere(queue: string, id: string): never {
  throw new Refusal(404, 'MESSAGE_NOT_FOUND', `there is no dead letter ${id} of queue "${queue}"`)
}
