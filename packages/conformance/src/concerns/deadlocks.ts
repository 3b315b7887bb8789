import type { Message } from '@pgmq/core'
import { expect } from 'vitest'
import type { Subject } from '../subject.js'

const ROUNDS = 15

/** Lease, extend and settle over the same rows at a time: nobody ever sees a deadlock. */
export function deadlocks<C>(d: Subject<C>): void {
  d.it('settling in any order, beside leases and moves', ['pool', 'server'], async () => {
    const queue = await d.queue()
    const seen: unknown[] = []
    for (let round = 0; round < ROUNDS; round++) {
      await d.client.enqueueMany(
        queue,
        Array.from({ length: 40 }, (_, n) => ({ n })),
      )
      const messages = await d.client.dequeueMany(queue, { limit: 40 })
      const shuffled = (): Message[] => [...messages].sort(() => Math.random() - 0.5)
      const work = [
        d.client.archiveMany(shuffled()),
        d.client.deleteMany(shuffled()),
        d.client.archiveMany(shuffled().map(({ id }) => ({ queue, id }))),
        ...shuffled()
          .slice(0, 10)
          .map((message) => d.client.setVisibility(message, 0)),
        d.client.dequeueMany(queue, { limit: 40 }),
        d.client.dequeueMany(queue, { limit: 40 }),
      ]
      for (const result of await Promise.allSettled<unknown>(work))
        if (result.status === 'rejected') seen.push(result.reason)
    }
    expect(seen).toEqual([])
  })

  d.it('a deadlock with somebody else is tried again', ['pool', 'server'], async () => {
    const queue = await d.queue()
    await d.client.enqueueMany(queue, [{ n: 1 }, { n: 2 }])
    const [first, second] = await d.client.dequeueMany(queue, { limit: 2 })
    if (!(first && second)) throw new Error('two messages')
    const other = await d.other()
    await other.query('begin')
    // So that the server finds our statement to be the victim.
    await other.query("set local deadlock_timeout = '60s'")
    await other.query(`select from pgmq.q_${queue} where msg_id = $1 for update`, [second.id])
    const archiving = d.client.archiveMany([first, second])
    await waiting(queue)
    const locking = other.query(`select from pgmq.q_${queue} where msg_id = $1 for update`, [first.id])
    await locking
    await other.query('rollback')
    expect(await archiving).toHaveLength(2)
  })

  async function waiting(queue: string): Promise<void> {
    for (;;) {
      const [row] = await d.sql<{ n: string }>(
        `select count(*)::text n from pg_stat_activity where wait_event_type = 'Lock' and query like '%q_${queue}%' and datname = current_database()`,
      )
      if (row?.n !== '0') return
    }
  }
}
