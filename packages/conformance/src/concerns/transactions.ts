import { expect } from 'vitest'
import type { Subject } from '../subject.js'
import { rejection } from '../support.js'

class Rollback extends Error {}

/** What is done on a caller's transaction is done, or undone, with it. */
export function transactions<C>(d: Subject<C>): void {
  const bodies = async (queue: string): Promise<unknown[]> =>
    (await d.client.queues.peek(queue)).items.map(({ body }) => body)
  async function rolledBack(work: Parameters<typeof d.transaction>[0]): Promise<void> {
    const undo = d.transaction(async (transaction) => {
      await work(transaction)
      throw new Rollback('undo')
    })
    expect(await rejection(undo)).toBeInstanceOf(Rollback)
  }

  d.it('a job is there once it commits, and not before', ['transaction', 'server'], async () => {
    const queue = await d.queue()
    await d.transaction(async ({ connection }) => {
      await d.client.with(connection).enqueue(queue, { n: 1 })
      await d.client.with(connection).enqueueMany(queue, [{ n: 2 }, { n: 3 }])
      expect(await bodies(queue)).toEqual([])
    })
    expect(await bodies(queue)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }])
  })

  d.it('a job is gone once it rolls back', ['transaction'], async () => {
    const queue = await d.queue()
    await rolledBack(({ connection }) => d.client.with(connection).enqueue(queue, { n: 1 }))
    expect(await bodies(queue)).toEqual([])
  })

  d.it('a savepoint takes its own jobs with it', ['transaction'], async () => {
    const queue = await d.queue()
    await d.transaction(async ({ connection, sql }) => {
      const client = d.client.with(connection)
      await client.enqueue(queue, { n: 1 })
      await sql('savepoint here')
      await client.enqueue(queue, { n: 2 })
      await sql('rollback to savepoint here')
      await client.enqueue(queue, { n: 3 })
    })
    expect(await bodies(queue)).toEqual([{ n: 1 }, { n: 3 }])
  })

  d.it('a queue that does not exist yet is made for it', ['transaction', 'server'], async () => {
    await d.transaction(({ connection }) => d.client.with(connection).enqueue('made_inside', { n: 1 }))
    expect(await bodies('made_inside')).toEqual([{ n: 1 }])
  })

  d.it('concurrent calls take turns on its connection', ['transaction'], async () => {
    const queue = await d.queue()
    await d.transaction(async ({ connection }) => {
      const client = d.client.with(connection)
      await Promise.all(Array.from({ length: 20 }, (_, n) => client.enqueue(queue, { n })))
    })
    expect(await bodies(queue)).toHaveLength(20)
  })

  d.it('bad input is refused before it is sent, so the transaction lives', ['transaction'], async () => {
    const queue = await d.queue()
    await d.transaction(async ({ connection }) => {
      const client = d.client.with(connection)
      for (const text of ['\u0000', '\ud800'])
        expect(await rejection(client.enqueue(queue, { text }))).toMatchObject({ code: 'BODY_NOT_SERIALIZABLE' })
      await client.enqueue(queue, { n: 1 })
    })
    expect(await bodies(queue)).toEqual([{ n: 1 }])
  })

  d.it('a message is leased and finished inside, or not at all', ['transaction'], async () => {
    const queue = await d.queue()
    await d.client.enqueue(queue, { n: 1 })
    await rolledBack(async ({ connection }) => {
      const client = d.client.with(connection)
      const message = await client.dequeue(queue)
      expect(message && (await client.archive(message))).toBe(true)
    })
    expect(await d.client.dequeue(queue)).toMatchObject({ body: { n: 1 }, readCount: 1 })
  })

  d.it('what is no connection of the driver is refused', ['transaction'], async () => {
    for (const wrong of [null, undefined, 1, 'postgres://user:secret@host/db', {}, []]) {
      const refused = (): unknown => d.client.with(wrong as never)
      expect(refused).toThrow(expect.objectContaining({ code: 'CONFIGURATION_INVALID' }))
      expect(refused).not.toThrow('secret')
    }
  })
}
