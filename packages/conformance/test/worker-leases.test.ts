import {
  createWorker,
  defineTask,
  type Handlers,
  type PgmqClient,
  type Tasks,
  unchecked,
  type Worker,
} from '@pgmq/core'
import type pg from 'pg'
import { afterEach, expect, it } from 'vitest'
import { describeSuite } from './support/harness.js'
import { places, rows } from './support/look.js'
import { record } from './support/recorder.js'
import { gate, until } from './support/until.js'

describeSuite('leases of a worker', (h) => {
  const workers: Worker[] = []
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.stop({ graceSeconds: 1 })))
  })

  function workerOf<T extends Tasks>(client: PgmqClient, tasks: T, handlers: Handlers<T>, options: object = {}) {
    const worker = createWorker({ client, tasks, handlers, pollIntervalMs: 100, ...options })
    workers.push(worker)
    return { worker, events: record(worker) }
  }
  const ping = (queue = h.queue()) => defineTask({ name: 'ping', queue, input: unchecked<{ n: number }>() })

  it('are shared by two workers so that each of 10,000 jobs is archived once', async () => {
    const task = ping()
    await h.client.enqueueMany(
      task,
      Array.from({ length: 10_000 }, (_, n) => ({ n })),
    )
    const runs = new Map<number, number>()
    const count = ({ n }: { n: number }): void => void runs.set(n, (runs.get(n) ?? 0) + 1)
    const two = [1, 2].map(() => workerOf(h.client, { task }, { task: count }))
    await Promise.all(two.map(({ worker }) => worker.start()))
    await until('all archived', async () => (await places(h, task.queue)).archive === 10_000)

    expect(runs.size).toBe(10_000)
    expect([...runs.values()].every((times) => times === 1)).toBe(true)
    expect(await places(h, task.queue)).toEqual({ queue: 0, archive: 10_000, dlq: 0 })
    expect(two.every(({ events }) => events.succeeded.length > 0)).toBe(true)
  })

  it('are held for handlers that take several visibility times', async () => {
    const task = ping()
    await h.client.enqueueMany(
      task,
      Array.from({ length: 8 }, (_, n) => ({ n })),
    )
    const client = h.clientWith({ visibilitySeconds: 0.6 })
    const { opened, open } = gate()
    const first = workerOf(client, { task }, { task: () => opened })
    const second = workerOf(client, { task }, { task: () => undefined })
    await first.worker.start()
    await until('all running', () => first.events.started.length === 8)
    await second.worker.start()
    const [before] = await rows(h, `q_${task.queue}`)
    await until(
      'three beats',
      async () => ((await rows(h, `q_${task.queue}`))[0]?.vt.getTime() ?? 0) > (before?.vt.getTime() ?? 0) + 1_800,
    )
    open()
    await until('all done', () => first.events.succeeded.length === 8)
    expect(second.events.started).toEqual([])
    expect((await rows(h, `a_${task.queue}`)).every(({ read_ct }) => read_ct === 1)).toBe(true)
  })

  it.each([1, 4])('are held while handlers hold all %i clients of the pool', async (max) => {
    const task = ping()
    const pool = h.poolWith({ max })
    const client = h.clientWith({ visibilitySeconds: 0.6 }, pool)
    await client.enqueueMany(
      task,
      Array.from({ length: max * 2 }, (_, n) => ({ n })),
    )
    const { opened, open } = gate()
    let holding = 0
    const { worker, events } = workerOf(
      client,
      { task },
      {
        task: async () => {
          const connection = await pool.connect()
          holding++
          await opened
          connection.release()
        },
      },
    )
    const { worker: other, events: others } = workerOf(
      h.clientWith({ visibilitySeconds: 0.6 }),
      { task },
      { task: () => undefined },
    )
    await worker.start()
    await until('all clients held', () => holding === max && events.started.length === max * 2)
    await other.start()
    const vt = async (): Promise<number> => (await rows(h, `q_${task.queue}`))[0]?.vt.getTime() ?? 0
    const before = await vt()
    await until('three beats', async () => (await vt()) > before + 1_800)
    open()
    await until('all done', () => events.succeeded.length === max * 2)
    expect(others.started).toEqual([])
    expect(events.leaseLost).toEqual([])
  })

  it('that ran out and went to another cannot acknowledge, and are reported lost', async () => {
    const task = ping()
    const { id } = await h.client.enqueue(task, { n: 1 })
    const { opened, open } = gate()
    const aborted: unknown[] = []
    const { worker, events } = workerOf(
      h.client,
      { task },
      {
        task: async (_input, { signal }) => {
          signal.addEventListener('abort', () => aborted.push((signal.reason as { code: string }).code))
          await opened
        },
      },
      { queues: { [task.queue]: { visibilitySeconds: 1 } } },
    )
    await worker.start()
    await until('running', () => events.started.length)
    // As if the process had been stopped past its lease: the row is another's by now.
    await h.sql(
      `update pgmq.q_${task.queue} set read_ct = read_ct + 1, last_read_at = now(), vt = now() + interval '1 hour'`,
    )
    await until('abort', () => aborted.length)
    open()
    await until('lost', () => events.leaseLost.length)
    expect(aborted).toEqual(['LEASE_LOST'])
    expect(events.leaseLost[0]).toMatchObject({ message: { id } })
    expect(await places(h, task.queue)).toEqual({ queue: 1, archive: 0, dlq: 0 })
  })

  it('end at once by extend when they are lost', async () => {
    const task = ping()
    await h.client.enqueue(task, { n: 1 })
    const codes: unknown[] = []
    const { worker, events } = workerOf(
      h.client,
      { task },
      {
        task: async (_input, { extend }) => {
          await extend(60)
          await h.sql(`update pgmq.q_${task.queue} set read_ct = read_ct + 1`)
          await extend(60).catch((error: { code: string }) => codes.push(error.code))
        },
      },
    )
    await worker.start()
    await until('lost', () => events.leaseLost.length)
    expect(codes).toEqual(['LEASE_LOST'])
  })

  it('of running jobs are released by an operator, who thereby ends them on record', async () => {
    const task = ping()
    const ref = await h.client.enqueue(task, { n: 1 })
    const { opened, open } = gate()
    let runs = 0
    const { worker, events } = workerOf(h.client, { task }, { task: () => (++runs === 1 ? opened : undefined) })
    await worker.start()
    await until('running', () => runs === 1)
    await h.client.setVisibility(ref, 0)
    await until('run again', () => events.succeeded.length)
    open()
    await until('lost', () => events.leaseLost.length)
    expect(events.crashed).toEqual([])
    expect(await places(h, task.queue)).toEqual({ queue: 0, archive: 1, dlq: 0 })
  })
})

describeSuite('completeWith', (h) => {
  const workers: Worker[] = []
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.stop({ graceSeconds: 1 })))
  })

  async function setUp(options: object = {}) {
    const task = defineTask({
      name: 'pay',
      queue: h.queue(),
      input: unchecked<{ n: number }>(),
      retry: { maxRetries: 1, backoff: () => 0 },
    })
    await h.sql('create table if not exists effects (queue text, n int)')
    await h.client.enqueue(task, { n: 1 })
    const run = async (
      handle: (context: {
        completeWith: (tx: pg.PoolClient, output?: unknown) => Promise<void>
        attempt: number
      }) => Promise<unknown>,
    ) => {
      const worker = createWorker({
        client: h.client,
        tasks: { task },
        handlers: { task: (_input: unknown, context: unknown) => handle(context as never) },
        pollIntervalMs: 100,
        ...options,
      } as never)
      workers.push(worker)
      const events = record(worker)
      await worker.start()
      return events
    }
    const effects = async (): Promise<number> =>
      (await h.sql('select from effects where queue = $1', [task.queue])).length
    const effect = (tx: pg.PoolClient): Promise<unknown> => tx.query('insert into effects values ($1, 1)', [task.queue])
    return { task, run, effects, effect }
  }

  it('commits the effect and the acknowledgement together', async () => {
    const { task, run, effects, effect } = await setUp()
    const events = await run(({ completeWith }) =>
      h.transaction(async (tx) => {
        await effect(tx)
        await completeWith(tx, { paid: true })
      }),
    )
    await until('success', () => events.succeeded.length)
    expect(await effects()).toBe(1)
    expect(events.succeeded[0]?.output).toEqual({ paid: true })
    expect((await rows(h, `a_${task.queue}`))[0]?.headers).toEqual({ 'x-job-output': { paid: true } })
  })

  it('counts as done when the handler throws after the commit', async () => {
    const { task, run } = await setUp()
    const events = await run(async ({ completeWith }) => {
      await h.transaction((tx) => completeWith(tx))
      throw new Error('too late')
    })
    await until('success', () => events.succeeded.length)
    expect(await places(h, task.queue)).toEqual({ queue: 0, archive: 1, dlq: 0 })
  })

  it('leaves neither effect nor acknowledgement when the handler fails after it', async () => {
    const { task, run, effects, effect } = await setUp()
    const events = await run(({ completeWith }) =>
      h.transaction(async (tx) => {
        await effect(tx)
        await completeWith(tx)
        throw new Error('no')
      }),
    )
    await until('dead letter', () => events.deadLettered.length)
    expect(await effects()).toBe(0)
    expect(events.retried).toHaveLength(1)
    expect(await places(h, task.queue)).toEqual({ queue: 0, archive: 0, dlq: 1 })
  })

  it('is a failed attempt when the transaction rolls back and the error is swallowed', async () => {
    const { run, effects, effect } = await setUp()
    const events = await run(({ completeWith, attempt }) =>
      h
        .transaction(async (tx) => {
          await effect(tx)
          await completeWith(tx)
          if (attempt === 1) throw new Error('no')
        })
        .catch(() => undefined),
    )
    await until('success', () => events.succeeded.length)
    expect(events.retried).toHaveLength(1)
    expect(await effects()).toBe(1)
  })

  it('keeps bystanders leased while a transaction stays open for three lease times', async () => {
    const task = defineTask({ name: 'pay', queue: h.queue(), input: unchecked<{ n: number }>() })
    const client = h.clientWith({ visibilitySeconds: 0.6 })
    await client.enqueueMany(
      task,
      Array.from({ length: 16 }, (_, n) => ({ n })),
    )
    const { opened, open } = gate()
    let holds = false
    const { worker, events } = make(client, async ({ n }, { completeWith }) => {
      if (n !== 0) return opened
      await h.transaction(async (tx) => {
        await completeWith(tx)
        holds = true
        await opened
      })
    })
    const { worker: other, events: others } = make(client, async () => undefined)
    function make(
      on: PgmqClient,
      handle: (
        input: { n: number },
        context: { completeWith: (tx: pg.PoolClient) => Promise<void> },
      ) => Promise<unknown>,
    ) {
      const made = createWorker({
        client: on,
        tasks: { task },
        handlers: { task: handle as never },
        pollIntervalMs: 100,
      })
      workers.push(made)
      return { worker: made, events: record(made) }
    }
    await worker.start()
    await until('all running', () => holds && events.started.length === 16)
    await other.start()
    const vt = async (): Promise<number> => (await rows(h, `q_${task.queue}`))[1]?.vt.getTime() ?? 0
    const before = await vt()
    await until('three lease times', async () => (await vt()) > before + 1_800)
    open()
    await until('all done', () => events.succeeded.length === 16)
    expect(others.started).toEqual([])
    expect(await places(h, task.queue)).toEqual({ queue: 0, archive: 16, dlq: 0 })
  })

  it('throws LEASE_LOST when another has the message', async () => {
    const { task, run } = await setUp()
    const codes: string[] = []
    const events = await run(async ({ completeWith }) => {
      await h.sql(`update pgmq.q_${task.queue} set read_ct = read_ct + 1, vt = now() + interval '1 hour'`)
      await h.transaction((tx) => completeWith(tx)).catch((error: { code: string }) => codes.push(error.code))
    })
    await until('lost', () => events.leaseLost.length)
    expect(codes).toEqual(['LEASE_LOST'])
  })

  it('refuses a pool', async () => {
    const { run } = await setUp()
    const codes: string[] = []
    const events = await run(({ completeWith }) =>
      completeWith(h.pool as never).catch((error: { code: string }) => codes.push(error.code)),
    )
    await until('success', () => events.succeeded.length)
    expect(codes).toEqual(['CONFIGURATION_INVALID'])
  })
})
