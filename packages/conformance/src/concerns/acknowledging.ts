import { createWorker, defineTask, type HandlerContext, unchecked } from '@pgmq/core'
import { expect, onTestFinished } from 'vitest'
import type { Subject } from '../subject.js'
import { gate, until } from '../support.js'

/** `completeWith`: the acknowledgement is part of the handler's own transaction. */
export function acknowledging<C>(d: Subject<C>): void {
  async function setUp(handle: (context: HandlerContext<C>, n: number) => Promise<unknown>, visibilitySeconds = 30) {
    const task = defineTask({
      name: 'pay',
      queue: await d.queue(),
      input: unchecked<{ n: number }>(),
      retry: { maxRetries: 1, backoff: () => 0 },
    })
    const client = d.clientWith({ visibilitySeconds })
    const worker = createWorker<{ task: typeof task }, C>({
      client,
      tasks: { task },
      pollIntervalMs: 50,
      concurrency: 20,
      handlers: { task: ({ n }, context) => handle(context, n) },
    })
    onTestFinished(() => worker.stop({ graceSeconds: 1 }))
    return { task, worker }
  }
  const archived = async (queue: string): Promise<number> => (await d.client.queues.archived(queue)).items.length

  d.it('effect and acknowledgement commit together', ['transaction', 'reserve', 'server'], async () => {
    const { task, worker } = await setUp(({ completeWith }, n) =>
      d.transaction(async ({ connection, sql }) => {
        await sql(`create table paid as select ${n} as n`)
        await completeWith(connection)
      }),
    )
    await d.client.enqueue(task, { n: 7 })
    await worker.start()
    await until('archived', async () => (await archived(task.queue)) === 1)
    expect(await d.sql('select n from paid')).toEqual([{ n: 7 }])
  })

  d.it('a rollback leaves neither, and counts as a failed attempt', ['transaction', 'reserve', 'server'], async () => {
    const { task, worker } = await setUp(({ completeWith }) =>
      d
        .transaction(async ({ connection }) => {
          await completeWith(connection)
          throw new Error('swallowed')
        })
        .catch(() => undefined),
    )
    await d.client.enqueue(task, { n: 1 })
    await worker.start()
    const { items } = await until('dead letter', async () => {
      const page = await d.client.deadLetters.list(task.queue)
      return page.items.length > 0 ? page : null
    })
    expect(items).toMatchObject([{ reason: 'retries_exhausted', retryCount: 1 }])
    expect(await archived(task.queue)).toBe(0)
  })

  d.it('bystanders keep their leases beside an open transaction', ['transaction', 'reserve', 'server'], async () => {
    const { opened, open } = gate()
    let runs = 0
    const { task, worker } = await setUp(async ({ completeWith }, n) => {
      runs++
      if (n > 0) return await opened
      await d.transaction(async ({ connection }) => {
        await completeWith(connection)
        await opened
      })
    }, 1)
    await d.client.enqueueMany(
      task,
      Array.from({ length: 15 }, (_, n) => ({ n })),
    )
    await worker.start()
    await until('all run', () => runs === 15)
    // Two lease times, by the database's clock: who is not renewed runs again, after one.
    await d.sql('select pg_sleep(2)')
    open()
    await until('all archived', async () => (await archived(task.queue)) === 15)
    expect(runs).toBe(15)
  })
}
