import { type Message, PermanentError, RetryAfterError, SnoozeError } from '@pgmq/core'
import { expect, it } from 'vitest'
import { describeSuite } from './support/harness.js'
import { places, rows } from './support/look.js'
import { until } from './support/until.js'

describeSuite('processWithRetry', (h) => {
  async function leased(seconds = 30): Promise<{ queue: string; message: Message }> {
    const queue = h.queue()
    await h.client.enqueue(queue, { n: 20 })
    return { queue, message: (await h.client.dequeue(queue, { visibilitySeconds: seconds })) as Message }
  }
  const failing = (error: Error) => (): never => {
    throw error
  }

  it('gives the result, and archives the message with it', async () => {
    const { queue, message } = await leased()
    expect(await h.client.processWithRetry(message, (body) => (body as { n: number }).n * 2)).toBe(40)
    expect((await rows(h, `a_${queue}`))[0]?.headers).toEqual({ 'x-job-output': 40 })
  })

  it('gives null for a failure, and makes the message visible at once', async () => {
    const { queue, message } = await leased()
    expect(await h.client.processWithRetry(message, failing(new Error('no')))).toBeNull()
    expect(await h.client.dequeue(queue)).toMatchObject({
      id: message.id,
      headers: { 'x-job-failures': 1, 'x-job-ended': 1 },
    })
  })

  it('dead-letters after the third retry', async () => {
    const queue = h.queue()
    const client = h.clientWith({ retry: { backoff: () => 0 } })
    await client.enqueue(queue, { n: 1 })
    for (let attempt = 1; attempt <= 4; attempt++) {
      await client.processWithRetry((await client.dequeue(queue)) as Message, (_body, context) => {
        expect(context.attempt).toBe(attempt)
        throw new Error(`no. ${attempt}`)
      })
    }
    expect(await places(h, queue)).toEqual({ queue: 0, archive: 0, dlq: 1 })
    expect((await rows(h, `q_${queue}_dlq`))[0]?.message).toMatchObject({
      error: 'no. 4',
      retry_count: 3,
      reason: 'retries_exhausted',
    })
  })

  it('obeys the errors that a processor throws', async () => {
    const permanent = await leased()
    await h.client.processWithRetry(permanent.message, failing(new PermanentError('no')))
    expect((await places(h, permanent.queue)).dlq).toBe(1)
    const later = await leased()
    await h.client.processWithRetry(later.message, failing(new RetryAfterError('no', { delaySeconds: 3600 })))
    expect((await rows(h, `q_${later.queue}`))[0]?.vt.getTime()).toBeGreaterThan(Date.now() + 3_500_000)
    const snoozed = await leased()
    await h.client.processWithRetry(snoozed.message, failing(new SnoozeError('no', { delaySeconds: 3600 })))
    expect((await rows(h, `q_${snoozed.queue}`))[0]?.headers).toEqual({ 'x-job-ended': 1 })
  })

  it('keeps the lease of a processor that takes several visibility times', async () => {
    const client = h.clientWith({ visibilitySeconds: 0.6 })
    const { queue, message } = await leased(0.6)
    const vt = async (): Promise<number> => (await rows(h, `q_${queue}`))[0]?.vt.getTime() ?? 0
    const before = await vt()
    const result = await client.processWithRetry(message, async () => {
      await until('three lease times', async () => (await vt()) > before + 1_800)
      expect(await client.dequeue(queue)).toBeNull()
      return 'done'
    })
    expect(result).toBe('done')
  })

  it('aborts a processor that runs out of time, and counts a failure', async () => {
    const { queue, message } = await leased()
    let aborted = false
    const waits = (_body: unknown, { signal }: { signal: AbortSignal }): Promise<void> =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          aborted = true
          resolve()
        })
      })
    expect(await h.client.processWithRetry(message, waits, { timeoutSeconds: 0.1 })).toBeNull()
    expect(aborted).toBe(true)
    expect((await rows(h, `q_${queue}`))[0]?.headers).toMatchObject({ 'x-job-failures': 1 })
  })

  it('says that the lease is lost when another has the message', async () => {
    const { queue, message } = await leased(0.1)
    await until('another lease', () => h.client.dequeue(queue))
    await expect(h.client.processWithRetry(message, () => 1)).rejects.toMatchObject({ code: 'LEASE_LOST' })
  })

  it('settles with completeWith in the transaction, and counts a rollback as a failure', async () => {
    const done = await leased()
    await h.client.processWithRetry(done.message, (_body, { completeWith }) => h.transaction((tx) => completeWith(tx)))
    expect((await places(h, done.queue)).archive).toBe(1)
    const undone = await leased()
    const result = await h.client.processWithRetry(undone.message, async (_body, { completeWith }) => {
      const rolledBack = h.transaction(async (tx) => {
        await completeWith(tx)
        throw new Error('no')
      })
      await rolledBack.catch(() => undefined)
      return 'swallowed'
    })
    expect(result).toBeNull()
    expect((await rows(h, `q_${undone.queue}`))[0]?.headers).toMatchObject({ 'x-job-failures': 1 })
  })
})
