import { expect } from 'vitest'
import type { Subject } from '../subject.js'

/** Two consumers never hold one message. */
export function races<C>(d: Subject<C>): void {
  d.it('fifty messages go to ten racers, each once', ['pool'], async () => {
    const queue = await d.queue()
    await d.client.enqueueMany(
      queue,
      Array.from({ length: 50 }, (_, n) => ({ n })),
    )
    const race = async (): Promise<string[]> => {
      const won: string[] = []
      for (;;) {
        const message = await d.client.dequeue(queue)
        if (!message) return won
        won.push(message.id)
      }
    }
    const won = (await Promise.all(Array.from({ length: 10 }, race))).flat()
    expect(won).toHaveLength(50)
    expect(new Set(won).size).toBe(50)
  })

  d.it('of ten that finish one lease, one does', ['pool'], async () => {
    const queue = await d.queue()
    await d.client.enqueue(queue, {})
    const message = await d.client.dequeue(queue)
    if (!message) throw new Error('no message')
    const ended = await Promise.all(Array.from({ length: 10 }, () => d.client.archive(message)))
    expect(ended.filter(Boolean)).toHaveLength(1)
  })

  d.it('a hundred concurrent jobs share statements, and each gets its own id', ['pool'], async () => {
    const queue = await d.queue()
    const sent = await Promise.all(Array.from({ length: 100 }, (_, n) => d.client.enqueue(queue, { n })))
    const rows = await d.sql<{ id: string; n: string }>(`select msg_id::text id, message->>'n' n from pgmq.q_${queue}`)
    expect(new Map(rows.map(({ id, n }) => [n, id]))).toEqual(new Map(sent.map(({ id }, n) => [String(n), id])))
  })
}
