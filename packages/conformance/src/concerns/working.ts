import { createWorker, defineTask, unchecked } from '@pgmq/core'
import { expect, onTestFinished } from 'vitest'
import { endConnections } from '../outage.js'
import type { Subject } from '../subject.js'
import { until } from '../support.js'

/** A worker from start to stop. */
export function working<C>(d: Subject<C>): void {
  async function setUp(handler: (n: number) => unknown) {
    const task = defineTask({
      name: 'count',
      queue: await d.queue(),
      input: unchecked<{ n: number }>(),
      retry: { maxRetries: 1, backoff: () => 0 },
    })
    const worker = createWorker<{ task: typeof task }, C>({
      client: d.client,
      tasks: { task },
      handlers: { task: ({ n }) => handler(n) },
    })
    onTestFinished(() => worker.stop({ graceSeconds: 1 }))
    return { task, worker }
  }

  d.it('drains what is there: archive, retry and dead letter', ['reserve', 'server'], async () => {
    const { task, worker } = await setUp((n) => {
      if (n === 3) throw new Error('no')
    })
    await d.client.enqueueMany(
      task,
      Array.from({ length: 50 }, (_, n) => ({ n })),
    )
    expect(await worker.drain()).toMatchObject({ succeeded: 49, retried: 1, deadLettered: 1, lost: 0, more: false })
  })

  d.it('starts, is woken, and leaves nothing behind when it stops', ['reserve', 'server'], async () => {
    const done: number[] = []
    const { task, worker } = await setUp((n) => done.push(n))
    await worker.start()
    for (let n = 0; n < 5; n++) {
      await d.client.enqueue(task, { n })
      await until('it is done', () => done.length === n + 1)
    }
    expect(worker.health()).toMatchObject({ state: 'running', ready: true })
    await worker.stop()
    expect(await d.client.queues.metrics(task.queue)).toMatchObject({ length: 0 })
  })

  d.it('outlives a server that ends every connection', ['reserve', 'server', 'reconnect'], async () => {
    const done = new Set<number>()
    const { task, worker } = await setUp((n) => done.add(n))
    await worker.start()
    await endConnections(d)
    await until('the job is enqueued', async () =>
      d.client.enqueue(task, { n: 1 }).then(
        () => true,
        () => false,
      ),
    )
    await until('it is done', () => done.size === 1)
  })
}
