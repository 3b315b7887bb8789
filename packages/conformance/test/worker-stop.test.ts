import { createWorker, defineTask, type Handlers, type Tasks, unchecked, type Worker } from '@pgmq/core'
import { afterEach, expect, it } from 'vitest'
import { begin } from './support/connection.js'
import { describeSuite } from './support/harness.js'
import { places, rows } from './support/look.js'
import { record } from './support/recorder.js'
import { until } from './support/until.js'

describeSuite('stopping a worker', (h) => {
  const workers: Worker[] = []
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.stop({ graceSeconds: 0 })))
  })

  function workerOf<T extends Tasks>(tasks: T, handlers: Handlers<T>, options: object = {}) {
    const worker = createWorker({ client: h.client, tasks, handlers, pollIntervalMs: 100, ...options })
    workers.push(worker)
    return { worker, events: record(worker) }
  }
  const ping = (queue = h.queue()) => defineTask({ name: 'ping', queue, input: unchecked<{ n: number }>() })

  it('waits for running handlers within the grace, and settles what they did', async () => {
    const task = ping()
    await h.client.enqueue(task, { n: 1 })
    let finish = (): void => {}
    const finished = new Promise<void>((resolve) => {
      finish = resolve
    })
    const { worker, events } = workerOf({ task }, { task: () => finished })
    await worker.start()
    await until('running', () => events.started.length)
    const stopping = worker.stop({ graceSeconds: 10 })
    expect(worker.health().state).toBe('stopping')
    finish()
    await stopping
    expect(events.succeeded).toHaveLength(1)
    expect(await places(h, task.queue)).toEqual({ queue: 0, archive: 1, dlq: 0 })
    expect(worker.health()).toMatchObject({ state: 'stopped', ready: false, inFlight: 0 })
  })

  it('gives back at once, in their places, what had not started', async () => {
    const task = ping()
    const other = defineTask({ name: 'blocker', queue: task.queue, input: unchecked<object>() })
    await h.client.enqueue(other, {})
    const sent = await h.client.enqueueMany(
      task,
      Array.from({ length: 10 }, (_, n) => ({ n })),
    )
    let finish = (): void => {}
    const finished = new Promise<void>((resolve) => {
      finish = resolve
    })
    const { worker, events } = workerOf(
      { task, other },
      { task: { concurrency: 1, handle: () => finished }, other: () => finished },
      { concurrency: 11 },
    )
    await worker.start()
    await until('running', () => events.started.length === 2)
    const stopping = worker.stop({ graceSeconds: 10 })
    await until('released', () => events.released.length === 9)
    const again = await h.client.dequeueMany(task.queue, { limit: 20 })
    expect(again.map(({ id }) => id)).toEqual(sent.slice(1).map(({ id }) => id))
    expect(again.every(({ headers }) => headers['x-job-ended'] === 1)).toBe(true)
    finish()
    await stopping
  })

  it('aborts handlers when the grace is over, and gives back what then ends with an error', async () => {
    const task = ping()
    await h.client.enqueue(task, { n: 1 })
    const { worker, events } = workerOf(
      { task },
      {
        task: (_input, { signal }) =>
          new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
      },
    )
    await worker.start()
    await until('running', () => events.started.length)
    await worker.stop({ graceSeconds: 0.1 })
    expect(events.released).toHaveLength(1)
    const [row] = await rows(h, `q_${task.queue}`)
    expect(row).toMatchObject({ last_read_at: null, headers: { 'x-job-ended': 1 } })
    expect(row?.vt.getTime()).toBeLessThanOrEqual(Date.now())
  })

  it('leaves the lease of a handler that ignores even that to run out, with its end on record', async () => {
    const task = ping()
    await h.client.enqueue(task, { n: 1 })
    const { worker, events } = workerOf(
      { task },
      { task: () => new Promise<void>(() => undefined) },
      { client: h.clientWith({ visibilitySeconds: 2 }) },
    )
    await worker.start()
    await until('running', () => events.started.length)
    await worker.stop({ graceSeconds: 0.1 })
    const [row] = await rows(h, `q_${task.queue}`)
    expect(row).toMatchObject({ read_ct: 1, headers: { 'x-job-ended': 1 } })
    expect(row?.last_read_at).not.toBeNull()

    const next = workerOf({ task }, { task: () => 'done' })
    await next.worker.start()
    await until('run again', () => next.events.succeeded.length)
    expect(next.events.crashed).toEqual([])
  }, 30_000)

  it('turns a retry at once into a release that keeps its place and counts the failure', async () => {
    const task = ping()
    await h.client.enqueue(task, { n: 1 })
    let fail = (_error: Error): void => {}
    const failed = new Promise<void>((_resolve, reject) => {
      fail = reject
    })
    const { worker, events } = workerOf({ task }, { task: () => failed })
    await worker.start()
    await until('running', () => events.started.length)
    const stopping = worker.stop({ graceSeconds: 10 })
    fail(new Error('no'))
    await stopping
    const [row] = await rows(h, `q_${task.queue}`)
    expect(row?.headers).toEqual({ 'x-job-failures': 1, 'x-job-ended': 1 })
    expect(row?.vt.getTime()).toBeLessThanOrEqual(Date.now())
    expect(events.started).toHaveLength(1)
  })

  it('is what an aborted signal does', async () => {
    const task = ping()
    const { worker } = workerOf({ task }, { task: () => 1 })
    const stopper = new AbortController()
    await worker.start({ signal: stopper.signal })
    stopper.abort()
    await until('stopped', () => worker.health().state === 'stopped')
  })

  it('can be done before it was started, and twice; and it can start again', async () => {
    const task = ping()
    const { worker, events } = workerOf({ task }, { task: () => 1 })
    await worker.stop()
    await worker.start()
    await Promise.all([worker.stop(), worker.stop()])
    await h.client.enqueue(task, { n: 1 })
    await worker.start()
    await until('success', () => events.succeeded.length)
  })

  it('leaves no lease behind, however soon it comes', async () => {
    const task = ping()
    const { worker } = workerOf({ task }, { task: () => 1 })
    for (let round = 0; round < 20; round++) {
      await worker.start()
      await worker.stop()
      const { id } = await h.client.enqueue(task, { n: round })
      const message = await h.client.dequeue(task.queue)
      expect(message?.id).toBe(id)
      await h.client.delete(message as NonNullable<typeof message>)
    }
  })

  it('ends although a suspect ignores its abort', async () => {
    const task = ping()
    const { id } = await h.client.enqueue(task, { n: 1 })
    await h.sql(`update pgmq.q_${task.queue} set read_ct = 2 where msg_id = $1`, [id])
    const { worker, events } = workerOf({ task }, { task: () => new Promise(() => undefined) })
    await worker.start()
    await until('running', () => events.started.length)
    await worker.stop({ graceSeconds: 0 })
    expect(worker.health().state).toBe('stopped')
  })

  it('that comes while a suspect begins alone runs nothing, and leaves no record of it', async () => {
    const task = ping()
    const { id } = await h.client.enqueue(task, { n: 1 })
    await h.sql(`update pgmq.q_${task.queue} set read_ct = 2 where msg_id = $1`, [id])
    const { worker, events } = workerOf({ task }, { task: () => undefined }, { concurrency: 1 })
    const blocker = await h.pool.connect()
    const locked = worker.on('crashed', () => {
      // Its renewal is about to be sent, and waits for this lock.
      void blocker.query(`begin; select from pgmq.q_${task.queue} where msg_id = ${id} for update`)
    })
    await worker.start()
    await until('the renewal waits', async () => {
      const [row] = await h.sql<{ n: string }>(
        `select count(*) n from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
      )
      return row?.n !== '0'
    })
    const stopping = worker.stop({ graceSeconds: 5 })
    await blocker.query('commit')
    blocker.release()
    await stopping
    locked()
    expect(events.started).toEqual([])
    expect((await rows(h, `q_${task.queue}`))[0]).toMatchObject({ last_read_at: null, headers: { 'x-job-alone': 0 } })
  })

  it('is not lost on a worker that is started twice', async () => {
    const task = ping()
    const { worker } = workerOf({ task }, { task: () => undefined })
    const first = worker.start()
    await expect(worker.start()).rejects.toMatchObject({ code: 'CONFIGURATION_INVALID' })
    await worker.stop()
    await first
    expect(worker.health()).toMatchObject({ state: 'stopped', connected: false })
    await worker.start()
    expect(worker.health()).toMatchObject({ state: 'running', ready: true })
  })

  it('ends a drain that is only about to begin', async () => {
    const task = ping()
    const { worker } = workerOf({ task }, { task: () => undefined })
    const drained = worker.drain()
    await worker.stop()
    await drained
    expect(worker.health()).toMatchObject({ state: 'stopped', connected: false })
  })

  it('keeps its time although a handler hangs in the transaction that completes it', async () => {
    const task = ping()
    await h.client.enqueue(task, { n: 1 })
    const tx = await begin(h)
    let completed = false
    const handle = async (_input: unknown, context: { completeWith: unknown }): Promise<void> => {
      await (context.completeWith as (connection: unknown) => Promise<void>)(tx)
      completed = true
      await new Promise(() => undefined)
    }
    const { worker, events } = workerOf({ task }, { task: handle as never })
    await worker.start()
    await until('completed', () => completed)
    const began = performance.now()
    await worker.stop({ graceSeconds: 0 })
    expect(performance.now() - began).toBeLessThan(8_000)
    expect(events.leaseLost).toHaveLength(1)
    await tx.query('commit')
    expect(await places(h, task.queue)).toEqual({ queue: 0, archive: 1, dlq: 0 })
  })

  it('leaves no connection behind', async () => {
    const task = ping()
    const count = async (): Promise<number> =>
      Number(
        (
          await h.sql<{ n: string }>(
            `select count(*) n from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
          )
        )[0]?.n,
      )
    const { worker } = workerOf({ task }, { task: () => 1 })
    const before = await count()
    await worker.start()
    await until('more connections', async () => (await count()) > before)
    await worker.stop()
    await until('as many as before', async () => (await count()) <= before)
  })
})

describeSuite('the signal of a start', (h) => {
  it('stops the worker, and is let go of by one that stopped before', async () => {
    const task = defineTask({ name: 'ping', queue: h.queue(), input: unchecked<object>() })
    const { signal, abort } = countingSignal()
    const worker = createWorker({ client: h.client, tasks: { task }, handlers: { task: () => 1 } })
    for (let i = 0; i < 3; i++) {
      await worker.start({ signal })
      await worker.stop()
      expect(signal.listeners).toBe(0)
    }
    await worker.start({ signal })
    abort()
    await until('stopped', () => worker.health().state === 'stopped')
    await expect(worker.start({ signal })).rejects.toThrow('aborted')
  })
})

/** A signal that knows how many listen to it. */
function countingSignal(): {
  readonly signal: AbortSignal & { readonly listeners: number }
  readonly abort: () => void
} {
  const controller = new AbortController()
  const listeners = new Set<unknown>()
  const signal = Object.defineProperties(controller.signal, {
    listeners: { get: () => listeners.size },
    addEventListener: {
      value(type: 'abort', listener: () => void) {
        listeners.add(listener)
        AbortSignal.prototype.addEventListener.call(signal, type, listener)
      },
    },
    removeEventListener: {
      value(type: 'abort', listener: () => void) {
        listeners.delete(listener)
        AbortSignal.prototype.removeEventListener.call(signal, type, listener)
      },
    },
  }) as AbortSignal & { readonly listeners: number }
  return { signal, abort: () => controller.abort() }
}

describeSuite('draining', (h) => {
  const task = defineTask({
    name: 'ping',
    queue: 'drained',
    input: unchecked<{ n: number }>(),
    retry: { maxRetries: 1, backoff: () => 0 },
  })
  const fill = (count: number): Promise<unknown> =>
    h.client.enqueueMany(
      task,
      Array.from({ length: count }, (_, n) => ({ n })),
    )

  it('handles what is there, and says how it ended', async () => {
    await fill(30)
    const worker = createWorker({
      client: h.client,
      tasks: { task },
      handlers: {
        task: ({ n }) => {
          if (n === 3) throw new Error('no')
        },
      },
    })
    expect(await worker.drain()).toEqual({
      succeeded: 29,
      retried: 1,
      snoozed: 0,
      deadLettered: 1,
      lost: 0,
      more: false,
    })
    expect(worker.health().state).toBe('stopped')
  })

  it('never leases more than it may', async () => {
    await h.client.queues.purge(task.queue)
    await fill(30)
    const worker = createWorker({ client: h.client, tasks: { task }, handlers: { task: () => 1 } })
    expect(await worker.drain({ maxMessages: 7 })).toMatchObject({ succeeded: 7, more: true })
    expect((await rows(h, `q_${task.queue}`)).filter(({ read_ct }) => read_ct > 0)).toEqual([])
    expect(await worker.drain()).toMatchObject({ succeeded: 23, more: false })
  })

  it('never leases more than it may, of several queues together', async () => {
    const [one, two] = ['drained_one', 'drained_two'].map((queue) =>
      defineTask({ name: 'ping', queue, input: unchecked<{ n: number }>() }),
    ) as [typeof task, typeof task]
    for (const each of [one, two]) await h.client.enqueueMany(each, [{ n: 1 }, { n: 2 }, { n: 3 }])
    const worker = createWorker({ client: h.client, tasks: { one, two }, handlers: { one: () => 1, two: () => 1 } })
    expect(await worker.drain({ maxMessages: 3 })).toMatchObject({ succeeded: 3, more: true })
    expect(await worker.drain({ maxMessages: 3 })).toMatchObject({ succeeded: 3 })
  })

  it('ends although a handler that ran out of time never returns', async () => {
    const hung = defineTask({
      name: 'ping',
      queue: 'hung',
      input: unchecked<object>(),
      timeoutSeconds: 0.1,
      retry: { maxRetries: 0 },
    })
    await h.client.enqueue(hung, {})
    const handlers = { hung: () => new Promise(() => undefined) }
    const worker = createWorker({ client: h.client, tasks: { hung }, handlers })
    expect(await worker.drain()).toMatchObject({ deadLettered: 1, more: false })
  })

  it('ends in time, gives back what it did not start, and says that there is more', async () => {
    await fill(40)
    const worker = createWorker({
      client: h.client,
      tasks: { task },
      handlers: { task: () => new Promise((resolve) => setTimeout(resolve, 50)) },
      concurrency: 2,
    })
    const result = await worker.drain({ maxMs: 300 })
    expect(result.more).toBe(true)
    expect(result.succeeded).toBeGreaterThan(0)
    const left = await rows(h, `q_${task.queue}`)
    expect(left).toHaveLength(40 - result.succeeded)
    expect(left.every(({ last_read_at }) => last_read_at === null)).toBe(true)
    await h.client.queues.purge(task.queue)
  })

  it('rejects when its queue is gone, for nothing would ever end it', async () => {
    const gone = defineTask({ name: 'ping', queue: 'gone', input: unchecked<object>() })
    await h.client.enqueueMany(gone, [{}, {}])
    const worker = createWorker({
      client: h.client,
      tasks: { gone },
      handlers: { gone: () => h.sql('alter table pgmq.q_gone rename to q_elsewhere') },
      concurrency: 1,
    })
    await expect(worker.drain()).rejects.toMatchObject({ code: 'QUEUE_NOT_FOUND' })
    expect(worker.health().state).toBe('stopped')
  })

  it('returns at once from an empty queue', async () => {
    const worker = createWorker({ client: h.client, tasks: { task }, handlers: { task: () => 1 } })
    expect(await worker.drain()).toEqual({
      succeeded: 0,
      retried: 0,
      snoozed: 0,
      deadLettered: 0,
      lost: 0,
      more: false,
    })
  })

  it('is refused on a single connection', async () => {
    await h.transaction(async (tx) => {
      const { createClient } = await import('@pgmq/node-pg')
      const worker = createWorker({ client: createClient(tx), tasks: { task }, handlers: { task: () => 1 } })
      await expect(worker.drain()).rejects.toMatchObject({ code: 'CONFIGURATION_INVALID' })
    })
  })
})
