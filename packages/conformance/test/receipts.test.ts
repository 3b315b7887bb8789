import type { Message } from '@pgmq/core'
import { expect, it } from 'vitest'
import { describeSuite } from './support/harness.js'
import { places, rows } from './support/look.js'
import { until } from './support/until.js'

describeSuite('a receipt', (h) => {
  async function leased(seconds = 30): Promise<{ queue: string; message: Message }> {
    const queue = h.queue()
    await h.client.enqueue(queue, { n: 1 })
    return { queue, message: (await h.client.dequeue(queue, { visibilitySeconds: seconds })) as Message }
  }
  /** Whoever holds it can do nothing with it. */
  async function expectDead(message: Message): Promise<void> {
    expect(await h.client.archive(message)).toBe(false)
    expect(await h.client.delete(message)).toBe(false)
    expect(await h.client.setVisibility(message, 0)).toBe(false)
    expect(await h.client.setVisibility(message, 60)).toBe(false)
    await expect(h.client.processWithRetry(message, () => 1)).rejects.toMatchObject({ code: 'LEASE_LOST' })
  }

  it('finishes its message once', async () => {
    const { queue, message } = await leased()
    expect(await h.client.archive(message)).toBe(true)
    expect(await h.client.archive(message)).toBe(false)
    expect(await places(h, queue)).toEqual({ queue: 0, archive: 1, dlq: 0 })
  })

  it('is dead when the lease ran out and another took it', async () => {
    const { queue, message } = await leased(0.1)
    const next = await until('the next lease', () => h.client.dequeue(queue))
    await expectDead(message)
    expect(await h.client.archive(next)).toBe(true)
  })

  it('is dead after a release, before anybody else has the message', async () => {
    const { queue, message } = await leased()
    expect(await h.client.setVisibility(message, 0)).toBe(true)
    await expectDead(message)
    expect((await h.client.dequeue(queue))?.readCount).toBe(2)
  })

  it('is dead after a retry', async () => {
    const { message } = await leased()
    const failed = await h.client.processWithRetry(message, () => {
      throw new Error('no')
    })
    expect(failed).toBeNull()
    await expectDead(message)
  })

  it('is dead after the queue was dropped and created again, though id and count are the same', async () => {
    const { queue, message } = await leased()
    await h.client.queues.drop(queue)
    const { id } = await h.client.enqueue(queue, { n: 2 })
    const next = await h.client.dequeue(queue)
    expect([id, next?.readCount]).toEqual([message.id, message.readCount])
    await expectDead(message)
    expect((await rows(h, `q_${queue}`))[0]?.message).toEqual({ n: 2 })
  })

  it('is dead after an operator set the visibility', async () => {
    const { queue, message } = await leased()
    await h.client.setVisibility({ queue, id: message.id }, 3600)
    await expectDead(message)
  })

  it('lives on when its holder moves the time either way', async () => {
    const { message } = await leased()
    expect(await h.client.setVisibility(message, 3600)).toBe(true)
    expect(await h.client.setVisibility(message, 5)).toBe(true)
    expect(await h.client.archive(message)).toBe(true)
  })

  it.each([undefined, null, '', '1', '1-2; drop', 7])(
    'of %j is refused, never taken for an operator',
    async (receipt) => {
      const { queue, message } = await leased()
      await expect(h.client.archive({ ...message, receipt: receipt as never })).rejects.toMatchObject({
        code: 'CONFIGURATION_INVALID',
      })
      expect((await places(h, queue)).queue).toBe(1)
    },
  )

  it('holds under hostile session settings', async () => {
    const pool = h.poolWith({
      options: '-c DateStyle=German -c TimeZone=Asia/Kathmandu -c extra_float_digits=-15 -c IntervalStyle=sql_standard',
    })
    const hostile = h.clientWith({}, pool)
    const queue = h.queue()
    await hostile.enqueueMany(
      queue,
      Array.from({ length: 200 }, (_, n) => ({ n })),
    )
    const messages = await hostile.dequeueMany(queue, { limit: 200 })
    expect(await hostile.archiveMany(messages)).toHaveLength(200)
  })

  it('is not needed by an operator, who names the message alone', async () => {
    const { queue, message } = await leased()
    expect(await h.client.archive({ queue, id: message.id })).toBe(true)
    expect(await places(h, queue)).toEqual({ queue: 0, archive: 1, dlq: 0 })
  })

  it('finishes its message although the archive holds another of its id', async () => {
    const queue = h.queue()
    await h.client.enqueueMany(queue, [{ n: 1 }, { n: 2 }])
    await h.sql(
      `insert into pgmq.a_${queue} (msg_id, read_ct, enqueued_at, vt, message) values (1, 1, now(), now(), '{}')`,
    )
    const messages = await h.client.dequeueMany(queue, { limit: 2 })
    expect(await h.client.archiveMany(messages)).toHaveLength(2)
    expect(await places(h, queue)).toEqual({ queue: 0, archive: 2, dlq: 0 })
  })
})
