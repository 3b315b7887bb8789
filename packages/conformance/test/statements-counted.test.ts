import { createWorker, defineTask, unchecked } from '@pgmq/core'
import { expect, it } from 'vitest'
import { faultyPool } from './support/faulty.js'
import { describeSuite } from './support/harness.js'
import { until } from './support/until.js'

describeSuite('statements, counted:', (h) => {
  function counting() {
    /** When each was answered. */
    const answeredMs: number[] = []
    const note = (): boolean => {
      answeredMs.push(performance.now())
      return false
    }
    return { client: h.clientWith({}, faultyPool(h, { match: /./, lose: note })), answeredMs }
  }

  it('the first enqueue of a fresh client is one', async () => {
    const queue = h.queue()
    await h.client.queues.create(queue)
    const { client, answeredMs } = counting()
    await client.enqueue(queue, { n: 1 })
    expect(answeredMs).toHaveLength(1)
  })

  it('an idle worker with 200 queues asks at most one a second', async () => {
    const tasks = Object.fromEntries(
      Array.from({ length: 200 }, (_, n) => {
        const queue = `idle_${n}`
        return [queue, defineTask({ name: 'ping', queue, input: unchecked<object>() })]
      }),
    )
    const handlers = Object.fromEntries(Object.keys(tasks).map((key) => [key, () => undefined]))
    const { client, answeredMs } = counting()
    const worker = createWorker({ client, tasks, handlers })
    await worker.start()
    // Each queue is looked into once; then there is nothing but the poll.
    await until('a quiet second', async () => {
      const before = answeredMs.length
      await h.sql('select pg_sleep(1)')
      return answeredMs.length - before <= 1
    })
    const [before] = answeredMs.splice(0).slice(-1)
    await until('five more', () => answeredMs.length >= 5)
    await worker.stop()
    // A timer may be a millisecond early.
    expect((answeredMs[4] ?? 0) - (before ?? 0)).toBeGreaterThan(5_000 - 10)
  })
})
