import { createWorker, defineTask, type Message, PermanentError, SnoozeError, unchecked } from '@pgmq/core'
import { describe, expect, it } from 'vitest'
import { begin } from './support/connection.js'
import { describeSuite } from './support/harness.js'
import { places, rows } from './support/look.js'
import { refusal } from './support/refusal.js'
import { until } from './support/until.js'

describeSuite('tables of older versions hinder', (h) => {
  /** A queue with the tables of pgmq 1.4 (neither column), or 1.5 to 1.9 (no `last_read_at`). */
  async function older(...columns: string[]): Promise<string> {
    const queue = h.queue()
    await h.client.queues.create(queue)
    for (const table of [`q_${queue}`, `a_${queue}`, `q_${queue}_dlq`, `a_${queue}_dlq`])
      await h.sql(`alter table pgmq.${table} ${columns.map((column) => `drop column ${column}`).join()}`)
    return queue
  }

  it('headers where there is no column for them, in and out of a transaction', async () => {
    const queue = await older('headers', 'last_read_at')
    const task = defineTask({ name: 'ping', queue, input: unchecked<object>(), version: 2 })
    const client = h.clientWith({})
    const tx = await begin(h)
    for (const own of [client, client.with(tx)])
      for (const call of [
        () => own.enqueue(queue, {}, { headers: { a: 1 } }),
        () => own.enqueueMany(queue, [{}, {}], (_input, i) => (i ? { headers: { a: 1 } } : {})),
        () => own.enqueue(task, {}),
      ])
        expect((await refusal(call(), 'FEATURE_UNSUPPORTED')).message).toBe(
          `queue "${queue}" cannot store headers (nor a task's version): its tables have no such column. They came with pgmq 1.5: update the extension, or enqueue without them`,
        )
    await client.with(tx).enqueue(queue, { n: 1 })
    await tx.query('commit')
    expect(await rows(h, `q_${queue}`)).toHaveLength(1)
  })

  it('no body for looking like headers', async () => {
    const queue = await older('headers', 'last_read_at')
    await h.clientWith({}).enqueue(queue, { a: 1, h: { n: 1 } })
    expect((await rows(h, `q_${queue}`))[0]?.message).toEqual({ a: 1, h: { n: 1 } })
  })

  it.each([
    ['headers and last_read_at', ['headers', 'last_read_at']],
    ['last_read_at', ['last_read_at']],
  ])('nothing of the life of a message in tables without %s', async (_what, columns) => {
    const queue = await older(...columns)
    const client = h.clientWith({})
    await client.enqueueMany(queue, [{ n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }])
    const [first, second, third, fourth] = (await client.dequeueMany(queue, { limit: 4 })) as [
      Message,
      Message,
      Message,
      Message,
    ]
    expect(await client.processWithRetry(first, () => 'done')).toBe('done')
    expect(await client.processWithRetry(second, () => Promise.reject(new Error('no')))).toBeNull()
    expect(await client.setVisibility(third, 60)).toBe(true)
    expect(await client.setVisibility(third, 0)).toBe(true)
    expect(await client.processWithRetry(fourth, () => Promise.reject(new PermanentError('no')))).toBeNull()
    // The receipts of all of them are dead, before anybody leases the messages again.
    expect(await client.archiveMany([first, second, third, fourth])).toEqual([])
    expect((await client.deadLetters.list(queue)).items).toMatchObject([{ originalId: '4', error: 'no' }])
    expect(await client.deadLetters.redrive(queue, {})).toEqual({ redriven: 1 })
    const again = await client.dequeueMany(queue, { limit: 4 })
    expect(again.map(({ id }) => id).sort()).toEqual(['2', '3', '5'])
    expect(await client.setVisibility({ queue, id: '2' }, 0)).toBe(true)
    expect((await client.archiveMany(again)).map(({ id }) => id).sort()).toEqual(['3', '5'])
    expect((await client.queues.peek(queue)).items).toMatchObject([{ id: '2', body: { n: 2 } }])
    expect((await client.queues.archived(queue)).items).toHaveLength(3)
    expect(await client.queues.metrics(queue)).toMatchObject({ length: 1 })
  })

  it('no retry policy in tables without last_read_at', async () => {
    const queue = await older('last_read_at')
    const client = h.clientWith({ retry: { backoff: () => 0, maxRetries: 2 } })
    await client.enqueue(queue, { n: 1 })
    const attempts: number[] = []
    for (let message = await client.dequeue(queue); message; message = await client.dequeue(queue))
      await client.processWithRetry(message, (_body, { attempt }) => {
        attempts.push(attempt)
        throw new Error('no')
      })
    expect(attempts).toEqual([1, 2, 3])
    expect((await client.deadLetters.list(queue)).items).toMatchObject([{ retryCount: 2 }])
  })

  it('no retry policy in tables without headers', async () => {
    const queue = await older('headers', 'last_read_at')
    const client = h.clientWith({ retry: { backoff: () => 0, maxRetries: 2 } })
    await client.enqueue(queue, { n: 1 })
    for (let runs = 0; runs < 10; runs++) {
      const message = await client.dequeue(queue)
      if (message) await client.processWithRetry(message, () => Promise.reject(new Error('no')))
    }
    expect((await client.deadLetters.list(queue)).items).toHaveLength(1)
  })

  it('columns that came with an update of the extension meanwhile', async () => {
    const queue = await older('headers', 'last_read_at')
    const client = h.clientWith({})
    await client.enqueue(queue, { n: 1 })
    for (const table of [`q_${queue}`, `a_${queue}`])
      await h.sql(`alter table pgmq.${table} add column headers jsonb, add column last_read_at timestamptz`)
    const fresh = h.clientWith({})
    await fresh.enqueue(queue, { n: 2 }, { headers: { a: 1 } })
    expect((await client.dequeueMany(queue, { limit: 2 })).map(({ body }) => body)).toEqual([{ n: 1 }, { n: 2 }])
  })

  describe.each([
    ['1.4, which has neither headers nor last_read_at', ['headers', 'last_read_at']],
    ['1.5 to 1.9, which have no last_read_at', ['last_read_at']],
  ])('no worker on pgmq %s:', (_what, columns) => {
    const ping = (queue: string) => defineTask({ name: 'ping', queue, input: unchecked<{ n: number }>() })

    it('it retries, dead-letters and redrives', async () => {
      const queue = await older(...columns)
      const client = h.clientWith({ retry: { backoff: (retry) => (retry === 1 ? 0 : 0.01), maxRetries: 2 } })
      const task = ping(queue)
      await client.enqueueMany(task, [{ n: 1 }, { n: 2 }])
      const attempts: number[] = []
      const worker = createWorker({
        client,
        tasks: { task },
        pollIntervalMs: 50,
        handlers: {
          task: ({ n }, { attempt }) => {
            if (n === 1) return
            attempts.push(attempt)
            throw new Error('no')
          },
        },
      })
      await worker.start()
      await until('both have ended', async () => {
        const { archive, dlq } = await places(h, queue)
        return archive === 1 && dlq === 1
      })
      await worker.stop()
      expect(attempts).toEqual([1, 2, 3])
      expect((await client.deadLetters.list(queue)).items).toMatchObject([
        { reason: 'retries_exhausted', retryCount: 2, body: { task: 'ping', n: 2 } },
      ])
      expect(await client.deadLetters.redrive(queue, {})).toEqual({ redriven: 1 })
      expect((await client.dequeue(queue))?.body).toEqual({ task: 'ping', n: 2 })
    })

    it('it snoozes, and gives back what it did not start', async () => {
      const queue = await older(...columns)
      const task = ping(queue)
      await h.client.enqueueMany(task, [{ n: 1 }, { n: 2 }])
      let snoozed = false
      const worker = createWorker({
        client: h.client,
        tasks: { task },
        concurrency: 1,
        handlers: {
          task: () => {
            if (snoozed) return
            snoozed = true
            throw new SnoozeError('later', { delaySeconds: 0.05 })
          },
        },
      })
      expect(await worker.drain({ maxMessages: 1 })).toMatchObject({ snoozed: 1 })
      await worker.drain()
      await until('all are archived', async () => {
        await worker.drain()
        return (await places(h, queue)).archive === 2
      })
    })

    it('it convicts a message that never ends', async () => {
      const queue = await older(...columns)
      const task = ping(queue)
      const { id } = await h.client.enqueue(task, { n: 1 })
      const headers = columns.includes('headers') ? '' : `, headers = '{"x-job-alone": 3}'`
      await h.sql(`update pgmq.q_${queue} set read_ct = 66${headers} where msg_id = $1`, [id])
      const worker = createWorker({ client: h.client, tasks: { task }, handlers: { task: () => 1 } })
      expect(await worker.drain()).toMatchObject({ deadLettered: 1 })
      const { items } = await h.client.deadLetters.list(queue)
      expect(items).toMatchObject([{ reason: 'crash_loop' }])
    })
  })
})
