import { expect } from 'vitest'
import type { Subject } from '../subject.js'

/** Every call of the client once, from the first job to the last letter. */
export function statements<C>(d: Subject<C>): void {
  d.it('enqueue: with headers', ['headers'], async () => {
    const queue = await d.queue()
    await d.client.enqueue(queue, { n: 1 }, { headers: { trace: 'a' } })
    expect(await d.client.dequeue(queue)).toMatchObject({ body: { n: 1 }, headers: { trace: 'a' } })
  })

  d.it('enqueue: one, many, in chunks, with delays', [], async () => {
    const queue = await d.queue()
    await d.client.enqueue(queue, { n: 1 })
    await d.client.enqueueMany(queue, [{ n: 2 }, { n: 3 }], (_input, i) => ({ delaySeconds: i * 60 }))
    for await (const chunk of d.client.enqueueStream(queue, [{ n: 4 }, { n: 5 }, { n: 6 }], { chunkSize: 2 }))
      expect(chunk.every(({ status }) => status === 'enqueued')).toBe(true)
    const { items } = await d.client.queues.peek(queue)
    expect(items.map(({ body }) => body)).toEqual([1, 2, 3, 4, 5, 6].map((n) => ({ n })))
    expect((await d.client.dequeueMany(queue, { limit: 9 })).map(({ body }) => body)).toEqual(
      [1, 2, 4, 5, 6].map((n) => ({ n })),
    )
  })

  d.it('leases: taken, moved, given back, finished', [], async () => {
    const queue = await d.queue()
    await d.client.enqueueMany(queue, [{ n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }])
    const [first, second, third, fourth] = await d.client.dequeueMany(queue, { limit: 4, visibilitySeconds: 20 })
    if (!(first && second && third && fourth)) throw new Error('four messages')
    expect(await d.client.dequeue(queue)).toBeNull()
    expect(await d.client.setVisibility(first, 0)).toBe(true)
    expect((await d.client.dequeue(queue))?.id).toBe(first.id)
    expect(await d.client.archiveMany([second, third])).toHaveLength(2)
    expect(await d.client.delete(fourth)).toBe(true)
    expect(await d.client.deleteMany([{ queue, id: first.id }])).toHaveLength(1)
    expect((await d.client.queues.archived(queue)).items.map(({ id }) => id)).toEqual([second.id, third.id])
  })

  d.it('processWithRetry: success, retry, dead letter', [], async () => {
    const queue = await d.queue()
    await d.client.enqueueMany(queue, [{ n: 1 }, { n: 2 }])
    const [good, bad] = await d.client.dequeueMany(queue, { limit: 2 })
    if (!(good && bad)) throw new Error('two messages')
    expect(await d.client.processWithRetry(good, () => ({ mails: 1 }))).toEqual({ mails: 1 })
    const policy = { retry: { maxRetries: 1, backoff: () => 0 } }
    const fail = (): Promise<never> => Promise.reject(new Error('no'))
    expect(await d.client.processWithRetry(bad, fail, policy)).toBeNull()
    const again = await d.client.dequeue(queue)
    if (!again) throw new Error('a retry')
    expect(await d.client.processWithRetry(again, fail, policy)).toBeNull()
    expect((await d.client.deadLetters.list(queue)).items).toMatchObject([
      { originalId: bad.id, error: 'no', reason: 'retries_exhausted', retryCount: 1, body: { n: 2 } },
    ])
  })

  d.it('dead letters: listed, put back, purged', [], async () => {
    const queue = await d.queue()
    await d.client.enqueueMany(queue, [{ n: 1 }, { n: 2 }, { n: 3 }])
    for (const message of await d.client.dequeueMany(queue, { limit: 3 }))
      await d.client.processWithRetry(message, () => Promise.reject(new Error('no')), { retry: { maxRetries: 0 } })
    const { items } = await d.client.deadLetters.list(queue, { errorContains: 'n' })
    expect(items).toHaveLength(3)
    expect(await d.client.deadLetters.redrive(queue, { ids: [items[0]?.id ?? ''] })).toEqual({ redriven: 1 })
    expect((await d.client.dequeue(queue))?.body).toEqual({ n: 1 })
    expect(await d.client.deadLetters.purge(queue, {})).toBe(2)
  })

  d.it('queues: created, measured, listed, emptied, dropped', [], async () => {
    const queue = await d.queue()
    await d.client.enqueueMany(queue, [{}, {}])
    await d.client.queues.create(queue)
    expect(await d.client.queues.metrics(queue)).toMatchObject({ length: 2, visibleLength: 2, totalMessages: 2 })
    expect((await d.client.queues.list()).map(({ name }) => name)).toContain(queue)
    expect(await d.client.queues.purge(queue)).toBe(2)
    expect(await d.client.queues.drop(queue)).toBe(true)
    expect(await d.client.queues.drop(queue)).toBe(false)
  })
}
