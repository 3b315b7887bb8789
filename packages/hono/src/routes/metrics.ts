import { isPgmqError, type PgmqClient, type QueueMetrics } from '@pgmq/core'
import type { ResolvedOptions } from '../options.js'
import { CONTENT_TYPE, prometheusText } from '../prometheus.js'
import { type Route, route } from '../route.js'
import { answers } from '../schemas.js'

export function metricsRoutes({ worker }: Pick<ResolvedOptions, 'worker'>): readonly Route[] {
  return [
    route({
      method: 'get',
      path: '/metrics/queues',
      action: 'read',
      name: 'measureQueues',
      summary: 'Metrics of all queues',
      answer: answers.allMetrics,
      handle: async ({ client }) => ({ items: await measureAll(client) }),
    }),
    route({
      method: 'get',
      path: '/queues/:queue/metrics',
      action: 'read',
      name: 'measureQueue',
      summary: 'Metrics of one queue',
      answer: answers.metrics,
      handle: ({ client, queue }) => client.queues.metrics(queue),
    }),
    route({
      method: 'get',
      path: '/metrics',
      action: 'read',
      name: 'scrapeMetrics',
      summary: 'Metrics of all queues, and of the worker if there is one, in the text format of Prometheus',
      answer: 'text/plain',
      handle: async ({ c, client }) => {
        const health = typeof worker === 'function' ? undefined : worker?.health()
        return c.body(prometheusText(await measureAll(client), health), 200, { 'Content-Type': CONTENT_TYPE })
      },
    }),
  ]
}

/** One after the other: a look at the metrics takes one connection, not all of the pool. */
async function measureAll(client: PgmqClient): Promise<readonly QueueMetrics[]> {
  const measured: QueueMetrics[] = []
  for (const { name } of await client.queues.list()) {
    const metrics = await client.queues.metrics(name).catch(unlessGone)
    if (metrics) measured.push(metrics)
  }
  return measured
}

/** A queue may be dropped while the others are measured. */
function unlessGone(error: unknown): null {
  if (isPgmqError(error, 'QUEUE_NOT_FOUND')) return null
  throw error
}
