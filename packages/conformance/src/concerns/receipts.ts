import type { Message } from '@pgmq/core'
import { expect } from 'vitest'
import type { Subject } from '../subject.js'

/** A receipt finishes its own lease, and nothing else, ever. */
export function receipts<C>(d: Subject<C>): void {
  async function leased(): Promise<{ queue: string; message: Message }> {
    const queue = await d.queue()
    await d.client.enqueue(queue, { n: 1 })
    return { queue, message: await lease(queue) }
  }
  async function lease(queue: string): Promise<Message> {
    const message = await d.client.dequeue(queue)
    if (!message) throw new Error('no message')
    return message
  }
  async function expectDead(message: Message): Promise<void> {
    expect(await d.client.archive(message)).toBe(false)
    expect(await d.client.delete(message)).toBe(false)
    expect(await d.client.setVisibility(message, 60)).toBe(false)
    expect(await d.client.setVisibility(message, 0)).toBe(false)
  }

  d.it('it finishes its message once, though it is sent again', [], async () => {
    const { message } = await leased()
    expect(await d.client.archive(message)).toBe(true)
    await expectDead(message)
  })

  d.it('it is dead after a release', [], async () => {
    const { queue, message } = await leased()
    expect(await d.client.setVisibility(message, 0)).toBe(true)
    await expectDead(message)
    expect(await d.client.archive(await lease(queue))).toBe(true)
  })

  d.it('it is dead after a retry, and after a dead letter', [], async () => {
    const { queue, message } = await leased()
    const fail = (one: Message, maxRetries: number): Promise<unknown> =>
      d.client.processWithRetry(one, () => Promise.reject(new Error('no')), { retry: { maxRetries, backoff: () => 0 } })
    await fail(message, 3)
    await expectDead(message)
    const next = await lease(queue)
    await fail(next, 0)
    await expectDead(next)
  })

  d.it('it is dead after the queue was dropped and created again', ['pool'], async () => {
    const { queue, message } = await leased()
    await d.client.queues.drop(queue)
    await d.client.enqueue(queue, { n: 2 })
    const next = await lease(queue)
    expect(next).toMatchObject({ id: message.id, readCount: message.readCount })
    await expectDead(message)
    expect(await d.client.archive(next)).toBe(true)
  })

  d.it('it lives on when its lease is moved', [], async () => {
    const { message } = await leased()
    expect(await d.client.setVisibility(message, 90)).toBe(true)
    expect(await d.client.archive(message)).toBe(true)
  })

  d.it('it is exact under hostile settings', ['server'], async () => {
    const [database] = await d.sql<{ name: string }>('select quote_ident(current_database()) as name')
    const settings = { extra_float_digits: '-15', timezone: 'Asia/Kathmandu', datestyle: 'German, DMY' }
    for (const [name, value] of Object.entries(settings))
      await d.sql(`alter database ${database?.name} set ${name} = '${value}'`)
    try {
      const client = d.client.with((await d.open()).driver.executor)
      const queue = await d.queue()
      await d.sql(`insert into pgmq.q_${queue} (vt, message) values (now(), '{}')`)
      const message = await client.dequeue(queue)
      expect(message && (await client.archive(message))).toBe(true)
    } finally {
      for (const name of Object.keys(settings)) await d.sql(`alter database ${database?.name} reset ${name}`)
    }
  })
}
