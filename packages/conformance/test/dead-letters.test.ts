import { PermanentError } from '@pgmq/core'
import { expect, it } from 'vitest'
import { describeSuite } from './support/harness.js'
import { places, rows } from './support/look.js'

describeSuite('dead letters', (h) => {
  /** Fails `bodies` for good, each with its own error. */
  async function bury(bodies: readonly object[], headers?: Record<string, string>): Promise<string> {
    const queue = h.queue()
    for (const [n, body] of bodies.entries()) {
      await h.client.enqueue(queue, { ...body }, headers ? { headers } : {})
      const message = await h.client.dequeue(queue)
      await h.client.processWithRetry(message as NonNullable<typeof message>, () => {
        throw new PermanentError(`error ${n}`)
      })
    }
    return queue
  }

  it('carry where they come from, why, and the whole message', async () => {
    const queue = await bury([{ task: 'ping', n: 1 }], { tenant: 'acme' })
    const [letter] = (await h.client.deadLetters.list(queue)).items
    expect(letter).toEqual({
      queue: `${queue}_dlq`,
      id: '1',
      originalQueue: queue,
      originalId: '1',
      error: 'error 0',
      reason: 'permanent',
      retryCount: 0,
      failedAt: expect.any(Date),
      body: { task: 'ping', n: 1 },
      headers: { tenant: 'acme' },
    })
  })

  it('come back with body and headers as they were', async () => {
    const queue = await bury([{ n: 1 }], { tenant: 'acme' })
    expect(await h.client.deadLetters.redrive(queue, {})).toEqual({ redriven: 1 })
    expect(await rows(h, `q_${queue}`)).toMatchObject([{ message: { n: 1 }, headers: { tenant: 'acme' }, read_ct: 0 }])
    expect((await places(h, queue)).dlq).toBe(0)
  })

  it.each(['[1, 2]', '"text"', 'null', '{"x-job-ended": 1e99, "x-job-alone": -4, "mine": 1}'])(
    'keep the foreign headers %s through failure and redrive',
    async (headers) => {
      const queue = h.queue()
      await h.client.queues.create(queue)
      await h.sql('select pgmq.send($1, $2::jsonb, $3::jsonb)', [queue, '{"n": 1}', headers])
      const fail = async (error: Error): Promise<void> => {
        const message = await h.client.dequeue(queue)
        await h.client.processWithRetry(message as NonNullable<typeof message>, () => {
          throw error
        })
      }
      await fail(new Error('at first'))
      await fail(new PermanentError('for good'))
      await h.client.deadLetters.redrive(queue, {})
      const expected = headers.startsWith('{') ? { mine: 1 } : (JSON.parse(headers) as unknown)
      expect((await rows(h, `q_${queue}`))[0]?.headers).toEqual(expected)
    },
  )

  it('come back edited', async () => {
    const queue = await bury([{ email: 'wrong' }])
    await h.client.deadLetters.redrive(
      queue,
      { ids: ['1'] },
      { edit: (body) => ({ ...(body as object), email: 'right' }) },
    )
    expect((await rows(h, `q_${queue}`))[0]?.message).toEqual({ email: 'right' })
  })

  it('are found, redriven and purged by task, error, reason and id, page by page', async () => {
    const queue = await bury([{ task: 'a' }, { task: 'b' }, { task: 'a' }])
    const { deadLetters } = h.client
    expect((await deadLetters.list(queue, { task: 'a' })).items.map(({ id }) => id)).toEqual(['1', '3'])
    expect((await deadLetters.list(queue, { errorContains: 'or 1' })).items.map(({ id }) => id)).toEqual(['2'])
    expect((await deadLetters.list(queue, { reason: 'timed_out' })).items).toEqual([])
    const first = await deadLetters.list(queue, { limit: 2 })
    expect(
      (await deadLetters.list(queue, { limit: 2, after: first.nextCursor ?? '' })).items.map(({ id }) => id),
    ).toEqual(['3'])
    expect(await deadLetters.redrive(queue, { ids: ['2'] })).toEqual({ redriven: 1 })
    expect(await deadLetters.purge(queue, { failedBefore: new Date(0) })).toBe(0)
    expect(await deadLetters.purge(queue, { task: 'a' })).toBe(2)
    expect(await places(h, queue)).toEqual({ queue: 1, archive: 0, dlq: 0 })
  })

  it('of other writers, without the message itself, are listed and stay', async () => {
    const queue = h.queue()
    await h.client.queues.create(queue)
    await h.sql('select pgmq.send($1, $2::jsonb)', [
      `${queue}_dlq`,
      JSON.stringify({ error: 'old', original_queue: queue }),
    ])
    expect((await h.client.deadLetters.list(queue)).items[0]).toMatchObject({
      error: 'old',
      originalQueue: queue,
      body: null,
    })
    expect(await h.client.deadLetters.redrive(queue, {})).toEqual({ redriven: 0 })
    expect((await places(h, queue)).dlq).toBe(1)
  })

  it('are moved once by two who redrive at the same time', async () => {
    const queue = await bury(Array.from({ length: 20 }, (_, n) => ({ n })))
    const both = await Promise.all([h.client.deadLetters.redrive(queue, {}), h.client.deadLetters.redrive(queue, {})])
    expect(both[0].redriven + both[1].redriven).toBe(20)
    expect(await places(h, queue)).toEqual({ queue: 20, archive: 0, dlq: 0 })
  })

  it('hold error texts that jsonb refuses, and long ones, cut between code points', async () => {
    const queue = h.queue()
    await h.client.enqueue(queue, { n: 1 })
    const message = await h.client.dequeue(queue)
    await h.client.processWithRetry(message as NonNullable<typeof message>, () => {
      throw new PermanentError(`a\u0000b\ud800c ${'𝒳'.repeat(5_000)}`)
    })
    const error = (await h.client.deadLetters.list(queue)).items[0]?.error ?? ''
    expect(error.startsWith('a\ufffdb\ufffdc 𝒳')).toBe(true)
    expect(new TextEncoder().encode(error).length).toBeLessThanOrEqual(4_096)
    expect(error.endsWith('𝒳')).toBe(true)
  })
})
