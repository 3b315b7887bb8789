import { createWorker, defineTask, unchecked } from '@pgmq/core'
import { expect, it } from 'vitest'
import { faultyPool } from './support/faulty.js'
import { describeSuite } from './support/harness.js'
import { until } from './support/until.js'

describeSuite('statements, counted:', (h) => {
  function counting() {
    let sent = 0
    const count = (): boolean => {
      sent++
      return false
    }
    return { client: h.clientWith({}, faultyPool(h, { match: /./, lose: count })), sent: () => sent }
  }

  it('the first enqueue of a fresh client is one', async () => {
    const queue = h.queue()
    await h.client.queues.create(queue)
    const { client, sent } = counting()
    await client.enqueue(queue, { n: 1 })
    expect(sent()).toBe(1)
  })

  it('an idle worker with 200 queues asks at most one a second', async () => {
    const tasks = Object.fromEntries(
      Array.from({ length: 200 }, (_, n) => {
        const queue = `idle_${n}`
        return [queue, defineTask({ name: 'ping', queue, input: unchecked<object>() })]
      }),
    )
    const handlers = Object.fromEntries(Object.keys(tasks).map((key) => [key, () => undefined]))
    const { client, sent } = counting()
    const worker = createWorker({ client, tasks, handlers })
    await worker.start()
    // Each queue is looked into once; then there is nothing but the poll.
    await until('a quiet second', async () => {
      const before = sent()
      await h.sql('select pg_sleep(1)')
      return sent() - before <= 2
    })
    const before = sent()
    await h.sql('select pg_sleep(5)')
    await worker.stop()
    expect(sent() - before).toBeLessThanOrEqual(6)
  })
})
