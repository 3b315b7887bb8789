import { createWorker } from '@pgmq/node-pg'
import { describeDatabase, until, useTestDatabase } from '@pgmq/test-database'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { createQueueRoutes } from '../src/index.js'
import { openEvents } from './support/events.js'
import { useRoutes } from './support/served.js'
import * as tasks from './support/tasks.js'

describeDatabase('metrics over HTTP', () => {
  const database = useTestDatabase()
  const routes = useRoutes(database, (client) =>
    createQueueRoutes({
      client,
      authorize: () => true,
      maxStreams: 2,
      worker: createWorker({ client, tasks: { ping: tasks.ping }, handlers: { ping: () => undefined } }),
    }),
  )

  it('are those of one queue, or of all', async () => {
    await routes.client.enqueueMany('measured', [{ n: 1 }, { n: 2 }], (_, i) => ({ delaySeconds: i * 60 }))
    const expected = { queue: 'measured', length: 2, visibleLength: 1, totalMessages: 2, oldestAgeSeconds: 0 }
    expect((await routes.call('GET', '/queues/measured/metrics')).json).toMatchObject(expected)
    const { items } = (await routes.call('GET', '/metrics/queues')).json
    expect(items).toContainEqual(expect.objectContaining({ queue: 'measured', length: 2 }))
    expect(items).toContainEqual(expect.objectContaining({ queue: 'measured_dlq', length: 0 }))
  })

  it('are text for Prometheus, whatever the names of queues', async () => {
    await createAsOthersDo('odd "name"\\')
    await routes.client.enqueue('scraped', { n: 1 })
    const { text, headers } = await routes.call('GET', '/metrics')
    expect(headers.get('Content-Type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    const lines = text.split('\n')
    expect(lines).toContain('# TYPE pgmq_queue_messages gauge')
    expect(lines).toContain('pgmq_queue_messages{queue="scraped"} 1')
    expect(lines).toContain('pgmq_queue_visible_messages{queue="scraped"} 1')
    expect(lines).toContain('pgmq_queue_messages{queue="odd \\"name\\"\\\\"} 0')
    expect(lines).toContain('# TYPE pgmq_queue_enqueued_messages_total counter')
    expect(lines).toContain('pgmq_worker_ready 0')
    for (const line of lines.filter((each) => each && !each.startsWith('#')))
      expect(line).toMatch(/^[a-z_]+(\{queue="([^"\\]|\\["\\n])*"\})? -?[0-9.e+-]+$/)
  })

  /** Any name that pgmq itself takes. */
  async function createAsOthersDo(name: string): Promise<void> {
    const client = new pg.Client(database.url)
    await client.connect()
    await client.query('select pgmq.create($1)', [name])
    await client.end()
  }

  describe('as events', () => {
    it('come at once, and each interval, until the client goes', async () => {
      await routes.client.queues.create('streamed')
      const events = await openEvents(`${routes.url}/queues/streamed/events?intervalSeconds=1`)
      expect(events.headers.get('Content-Type')).toMatch(/^text\/event-stream/)
      expect(await events.next()).toMatchObject({ event: 'metrics', data: { queue: 'streamed', length: 0 } })
      await routes.client.enqueue('streamed', { n: 1 })
      expect(await events.next()).toMatchObject({ event: 'metrics', data: { length: 1 } })
      events.close()
    })

    it('are sent to so many at once, and then to others', async () => {
      await routes.client.queues.create('crowded')
      const url = `${routes.url}/queues/crowded/events?intervalSeconds=60`
      const open = [await openEvents(url), await openEvents(url)]
      const refused = await routes.call('GET', '/queues/crowded/events')
      expect(refused).toMatchObject({ status: 503, json: { code: 'TOO_MANY_STREAMS' } })
      for (const each of open) each.close()
      await until('there is room again', async () => {
        const again = await openEvents(url)
        again.close()
        return again.status === 200
      })
    })

    it.each([
      ['/queues/nowhere/events', 404],
      ['/queues/streamed/events?intervalSeconds=0', 400],
      ['/queues/streamed/events?intervalSeconds=61', 400],
    ])('not of %s', async (path, status) => {
      expect(await routes.call('GET', path)).toMatchObject({ status, json: { status } })
    })
  })
})
