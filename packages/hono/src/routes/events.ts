import type { PgmqClient } from '@pgmq/core'
import { type SSEStreamingApi, streamSSE } from 'hono/streaming'
import { DEFAULTS, type ResolvedOptions } from '../options.js'
import { Refusal } from '../problem.js'
import { type Route, route } from '../route.js'
import { events } from '../schemas.js'

/** A queue's metrics, again and again, as server-sent events. */
export function eventRoutes({ maxStreams, logger }: Pick<ResolvedOptions, 'maxStreams' | 'logger'>): readonly Route[] {
  let open = 0
  return [
    route({
      method: 'get',
      path: '/queues/:queue/events',
      action: 'read',
      name: 'streamMetrics',
      summary: 'Server-sent events named "metrics", one at once and one each interval',
      query: events,
      answer: 'text/event-stream',
      handle: async ({ c, client, lent, queue, query: { intervalSeconds = DEFAULTS.eventSeconds } }) => {
        // What cannot be measured is a problem of its own, not a stream that breaks off.
        const first = await client.queues.metrics(queue)
        if (open >= maxStreams)
          throw new Refusal(503, 'TOO_MANY_STREAMS', `${maxStreams} event streams are open already: close one`)
        open++
        return streamSSE(c, async (stream) => {
          const sending = sendMetrics(stream, client, queue, first, intervalSeconds * 1000)
          const ended = sending
            .catch((error: unknown) => logger.warn({ error, queue }, `an event stream of queue '${queue}' broke off`))
            .finally(() => open--)
          lent.keepUntil(ended)
          await ended
        })
      },
    }),
  ]
}

/** Until the client goes. A write waits for a slow one: nothing piles up for it. */
async function sendMetrics(
  stream: SSEStreamingApi,
  client: PgmqClient,
  queue: string,
  first: unknown,
  intervalMs: number,
): Promise<void> {
  const gone = new Promise<void>((resolve) => stream.onAbort(resolve))
  for (let metrics = first; !stream.aborted; metrics = await client.queues.metrics(queue)) {
    await Promise.race([stream.writeSSE({ event: 'metrics', data: JSON.stringify(metrics) }), gone])
    await pause(intervalMs, gone)
    if (stream.aborted) return
  }
}

async function pause(ms: number, sooner: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([over, sooner])
  clearTimeout(timer)
}
