import { expect } from 'vitest'
import type { Isolation } from '../driver-spec.js'
import type { Subject } from '../subject.js'

const LEVELS: readonly Isolation[] = ['read committed', 'repeatable read', 'serializable']

/** Callers at every isolation level. */
export function isolation<C>(d: Subject<C>): void {
  for (const level of LEVELS) {
    d.it(`a job is enqueued under ${level}, also where its queue is new`, ['transaction', 'server'], async () => {
      const queue = `isolated_${level.replace(' ', '_')}`
      await d.transaction(async ({ connection, sql }) => {
        await sql('select 1')
        await d.client.with(connection).enqueue(queue, { n: 1 })
      }, level)
      expect((await d.client.dequeue(queue))?.body).toEqual({ n: 1 })
    })

    d.it(`two that enqueue at a time under ${level} both commit`, ['transaction', 'pool'], async () => {
      const queue = await d.queue()
      await Promise.all(
        [1, 2].map((n) =>
          d.transaction(async ({ connection }) => void (await d.client.with(connection).enqueue(queue, { n })), level),
        ),
      )
      expect((await d.client.queues.peek(queue)).items).toHaveLength(2)
    })

    d.it(`a lease is finished under ${level}`, ['transaction'], async () => {
      const queue = await d.queue()
      await d.client.enqueue(queue, {})
      const message = await d.client.dequeue(queue)
      if (!message) throw new Error('no message')
      await d.transaction(async ({ connection }) => {
        expect(await d.client.with(connection).archive(message)).toBe(true)
      }, level)
      expect((await d.client.queues.archived(queue)).items).toHaveLength(1)
    })
  }
}
