import { createClient } from '@pgmq/node-pg'
import { expect, it } from 'vitest'
import { describeSuite } from './support/harness.js'
import { places } from './support/look.js'

describeSuite('enqueueing in a transaction', (h) => {
  it('is gone with it when it rolls back', async () => {
    const queue = h.queue()
    await h.client.queues.create(queue)
    const rolledBack = h.transaction(async (tx) => {
      await h.client.with(tx).enqueue(queue, { n: 1 })
      throw new Error('no')
    })
    await expect(rolledBack).rejects.toThrow('no')
    expect((await places(h, queue)).queue).toBe(0)
  })

  it('is there when it commits, and not before', async () => {
    const queue = h.queue()
    await h.client.queues.create(queue)
    await h.transaction(async (tx) => {
      await h.client.with(tx).enqueue(queue, { n: 1 })
      expect(await h.client.dequeue(queue)).toBeNull()
    })
    expect((await h.client.dequeue(queue))?.body).toEqual({ n: 1 })
  })

  it.each(['read committed', 'repeatable read', 'serializable'])(
    'creates a missing queue beside it under %s',
    async (level) => {
      const queue = h.queue()
      await h.transaction(async (tx) => {
        await tx.query(`set transaction isolation level ${level}`)
        await tx.query('select 1')
        await h.client.with(tx).enqueue(queue, { n: 1 })
      })
      expect(await places(h, queue)).toEqual({ queue: 1, archive: 0, dlq: 0 })
    },
  )

  it('creates a missing queue although the only client of the pool is the transaction itself', async () => {
    const queue = h.queue()
    const pool = h.poolWith({ max: 1 })
    const client = h.clientWith({}, pool)
    const tx = await pool.connect()
    await tx.query('begin')
    await client.with(tx).enqueue(queue, { n: 1 })
    await tx.query('commit')
    tx.release()
    expect((await places(h, queue)).queue).toBe(1)
  })

  it('works into a queue that the transaction made itself, and again after that was rolled back', async () => {
    const queue = h.queue()
    await h
      .transaction(async (tx) => {
        await tx.query('select pgmq.create($1)', [queue])
        await h.client.with(tx).enqueue(queue, { n: 1 })
        throw new Error('no')
      })
      .catch(() => undefined)
    await h.transaction((tx) => h.client.with(tx).enqueue(queue, { n: 2 }))
    expect((await h.client.dequeue(queue))?.body).toEqual({ n: 2 })
  })

  it('leaves the transaction usable after a body that cannot be stored', async () => {
    const queue = h.queue()
    await h.client.queues.create(queue)
    await h.transaction(async (tx) => {
      const own = h.client.with(tx)
      await expect(own.enqueue(queue, { text: 'a\u0000' })).rejects.toMatchObject({ code: 'BODY_NOT_SERIALIZABLE' })
      await own.enqueue(queue, { n: 1 })
    })
    expect((await places(h, queue)).queue).toBe(1)
  })

  it('refuses a pool', () => {
    expect(() => h.client.with(h.pool as never)).toThrowError(
      expect.objectContaining({ code: 'CONFIGURATION_INVALID' }),
    )
  })

  it('works with a client made on the transaction alone', async () => {
    const queue = h.queue()
    await h.transaction((tx) => createClient(tx).enqueue(queue, { n: 1 }))
    expect((await places(h, queue)).queue).toBe(1)
  })
})
