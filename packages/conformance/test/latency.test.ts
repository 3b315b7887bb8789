import { createWorker, defineTask, SnoozeError, unchecked, type Worker } from '@pgmq/core'
import { afterEach, expect, it } from 'vitest'
import { describeSuite } from './support/harness.js'
import { until } from './support/until.js'

/** The poll's interval is far beyond this: what is as soon knew when it was due. The aim is 20 ms, on a machine at rest. */
const SOON_MS = 250

describeSuite('on an idle queue', (h) => {
  const workers: Worker[] = []
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.stop({ graceSeconds: 0 })))
  })

  const ping = () => defineTask({ name: 'ping', queue: h.queue(), input: unchecked<{ n: number }>() })
  /** Idle: its queue has been looked into, and polled. */
  async function idle(task: ReturnType<typeof ping>, handle: () => void, pollIntervalMs = 2_000) {
    const lateMs: number[] = []
    const worker = createWorker({
      client: h.clientWith({ retry: { maxRetries: 5, backoff: (n) => n * 0.3 } }),
      tasks: { task },
      handlers: {
        task: (_input, { message }) => {
          // Both clocks are this machine's.
          if (message.dueAt.getTime() > message.enqueuedAt.getTime() + 50)
            lateMs.push(Date.now() - message.dueAt.getTime())
          handle()
        },
      },
      pollIntervalMs,
    })
    workers.push(worker)
    await worker.start()
    await h.client.enqueue(task, { n: 0 })
    await until('it is done', async () => (await h.sql(`select from pgmq.a_${task.queue}`)).length === 1)
    return lateMs
  }
  const figures = (what: string, lateMs: readonly number[]): void =>
    console.log(`${what}: late by ${[...lateMs].sort((a, b) => a - b).join(', ')} ms`)

  it('delayed jobs run when they are due', async () => {
    const task = ping()
    const lateMs = await idle(task, () => undefined)
    const delays = [0.15, 0.3, 0.5, 0.8, 1.2, 1.9, 2.5, 4.1]
    for (const [n, delaySeconds] of delays.entries()) await h.client.enqueue(task, { n }, { delaySeconds })
    await until('all of them', () => lateMs.length === delays.length)
    figures('delayed jobs', lateMs)
    expect(Math.max(...lateMs)).toBeLessThan(SOON_MS)
    expect(Math.min(...lateMs)).toBeGreaterThanOrEqual(-1)
  })

  it('a delayed job beside one that is due now runs when it is due', async () => {
    const task = ping()
    const lateMs = await idle(task, () => undefined)
    await h.client.enqueueMany(task, [{ n: 1 }, { n: 2 }], ({ n }) => (n === 1 ? {} : { delaySeconds: 0.6 }))
    await until('both', () => lateMs.length === 1)
    expect(lateMs[0]).toBeLessThan(SOON_MS)
  })

  it('retries and snoozed jobs run when they are due', async () => {
    const task = ping()
    let fails = 0
    const lateMs = await idle(task, () => {
      if (fails === 0) return
      fails--
      throw fails > 1 ? new Error('no') : new SnoozeError('not yet', { delaySeconds: 0.7 })
    })
    fails = 4
    await h.client.enqueue(task, { n: 1 })
    await until('all of them', () => lateMs.length === 4)
    figures('retries', lateMs)
    expect(Math.max(...lateMs)).toBeLessThan(SOON_MS)
  })

  it('no connection of a worker holds a snapshot while it waits', async () => {
    const task = ping()
    const name = `waits_${task.queue}`
    const worker = createWorker({
      client: h.clientWith({}, h.poolWith({ max: 2, application_name: name })),
      tasks: { task },
      handlers: { task: () => undefined },
      queues: { [task.queue]: { retainArchive: { days: 0.01 } } },
      pollIntervalMs: 300,
    })
    workers.push(worker)
    await worker.start()
    const polls = new Set<string>()
    const listening = new Set<string>()
    await until('it polled five times', async () => {
      const connections = await h.sql<{ state: string; query: string; at: string; held: boolean }>(
        `select state, query, query_start::text at, (backend_xmin is not null or xact_start is not null)
           and clock_timestamp() - query_start > interval '200 milliseconds' held
         from pg_stat_activity where application_name = $1 and state is not null -- which one that just opens has not`,
        [name],
      )
      expect(connections.filter(({ state, held }) => held || state.includes('in transaction'))).toEqual([])
      for (const { query, at } of connections) {
        if (/order by vt limit 1/.test(query)) polls.add(at)
        if (/^listen/i.test(query)) listening.add(query)
      }
      return polls.size >= 5 && connections.length >= 3
    })
    expect(listening.size).toBe(1)
  })
})
