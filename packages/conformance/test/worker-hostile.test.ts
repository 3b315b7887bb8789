import { createWorker, defineTask, type Handler, type Task, unchecked, type WorkerOptions } from '@pgmq/core'
import { afterEach, expect, it } from 'vitest'
import { faultyPool } from './support/faulty.js'
import { describeSuite } from './support/harness.js'
import { places, rows } from './support/look.js'
import { record } from './support/recorder.js'
import { unhandled } from './support/unhandled.js'
import { gate, until } from './support/until.js'

function cycle(): object {
  const made: Record<string, unknown> = Object.create(null)
  return Object.assign(made, { made })
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

describeSuite('a worker outlives', (h) => {
  const stops: (() => Promise<void>)[] = []
  afterEach(async () => {
    await Promise.all(stops.splice(0).map((stop) => stop()))
  })

  async function work<T extends Task>(
    task: T,
    handler: Handler<T>,
    options: Partial<WorkerOptions<{ task: T }, never>> = {},
  ) {
    const handlers = { task: handler }
    const worker = createWorker({ client: h.client, tasks: { task }, handlers, pollIntervalMs: 100, ...options })
    stops.push(() => worker.stop({ graceSeconds: 0 }))
    const events = record(worker)
    await worker.start()
    return { worker, events }
  }
  const ping = (more: Pick<Task, 'retry'> = {}) =>
    defineTask({ name: 'ping', queue: h.queue(), input: unchecked<{ n: number }>(), ...more })

  const hostile: readonly (readonly [string, () => unknown])[] = [
    ['null', () => null],
    ['nothing', () => undefined],
    ['a symbol', () => Symbol('no')],
    ['a bigint', () => 1n],
    ['a frozen object', () => Object.freeze({ a: 1 })],
    ['text that jsonb refuses', () => new Error('\ud800 \u0000')],
    ['an error whose message is an object', () => Object.assign(new Error('no'), { message: { detail: 1 } })],
    ['a cycle without a prototype', cycle],
    ['a proxy that was revoked', revoked],
    [
      'a getter that throws',
      () =>
        Object.defineProperty({}, 'code', {
          get: () => {
            throw new Error('no')
          },
        }),
    ],
  ]

  it.each(hostile)('a handler that throws %s', async (_what, make) => {
    const crashes = unhandled()
    const task = ping({ retry: { maxRetries: 0 } })
    await h.client.enqueue(task, { n: 1 })
    const { worker, events } = await work(task, () => {
      throw make()
    })
    await until('dead letter', () => events.deadLettered.length)
    expect(crashes).toEqual([])
    expect(worker.health().inFlight).toBe(0)
  })

  it('a backoff that throws', async () => {
    const crashes = unhandled()
    const backoff = (): number => {
      throw new Error('no backoff')
    }
    const task = ping({ retry: { maxRetries: 1, backoff } })
    await h.client.enqueue(task, { n: 1 })
    const { events } = await work(task, () => {
      throw new Error('no')
    })
    await until('dead letter', () => events.deadLettered.length)
    expect(events.retried).toHaveLength(1)
    expect(crashes).toEqual([])
  })

  it('listeners that throw, or reject', async () => {
    const crashes = unhandled()
    const task = ping()
    const { worker, events } = await work(task, () => undefined)
    worker.on('started', () => {
      throw new Error('no')
    })
    worker.on('succeeded', () => Promise.reject(new Error('no')))
    await h.client.enqueue(task, { n: 1 })
    await until('success', () => events.succeeded.length)
    expect(crashes).toEqual([])
  })

  it('a schema that never answers: it runs out of time as a handler does', async () => {
    let hangs = false
    const schema = unchecked<{ n: number }>()
    const validate: (typeof schema)['~standard']['validate'] = (value) =>
      hangs ? new Promise(() => undefined) : schema['~standard'].validate(value)
    const input = { '~standard': { ...schema['~standard'], validate } }
    const task = defineTask({ name: 'ping', queue: h.queue(), input, timeoutSeconds: 0.2, retry: { maxRetries: 0 } })
    await h.client.enqueue(task, { n: 1 })
    hangs = true
    const { worker, events } = await work(task, () => undefined)
    await until('dead letter', () => events.deadLettered.length)
    expect(events.deadLettered[0]).toMatchObject({ reason: 'timed_out' })
    expect(worker.health()).toMatchObject({ inFlight: 0, strays: 1 })
  })

  it('an output that changes, or fails, when it is written down a second time', async () => {
    const task = ping()
    await h.client.enqueueMany(task, [{ n: 0 }, { n: 1 }, { n: 2 }])
    const { events } = await work(task, ({ n }) => {
      let written = 0
      const toJSON = (): number => {
        if (written++ > 0) throw new Error('closed')
        return n
      }
      return { toJSON }
    })
    await until('success', () => events.succeeded.length === 3)
    expect((await rows(h, `a_${task.queue}`)).map(({ headers }) => headers?.['x-job-output'])).toEqual([0, 1, 2])
  })

  it('a dead-letter queue that was dropped: it is made anew', async () => {
    const task = ping({ retry: { maxRetries: 0 } })
    const { worker, events } = await work(task, () => {
      throw new Error('no')
    })
    await h.sql('select pgmq.drop_queue($1)', [`${task.queue}_dlq`])
    await h.client.enqueue(task, { n: 1 })
    await until('dead letter', () => events.deadLettered.length)
    expect(events.parked).toEqual([])
    expect(worker.health().ready).toBe(true)
  })

  it('an archive that refuses: the job, which succeeded, is not run again', async () => {
    const task = ping()
    await h.client.queues.create(task.queue)
    await h.sql(`create function refuse_archive() returns trigger language plpgsql as $$ begin raise 'no'; end $$`)
    await h.sql(
      `create trigger no before insert on pgmq.a_${task.queue} for each row execute function refuse_archive()`,
    )
    await h.client.enqueue(task, { n: 1 })
    const { worker, events } = await work(task, () => 'done')
    for (const times of [1, 2, 3]) {
      await until('parked', () => events.parked.length === times)
      expect(worker.health()).toMatchObject({ ready: false, unwrittenDeadLetters: 1 })
      if (times === 3) await h.sql(`drop trigger no on pgmq.a_${task.queue}`)
      await h.sql(`update pgmq.q_${task.queue} set vt = now()`)
    }
    await until('archived', async () => (await places(h, task.queue)).archive === 1)
    expect(events.started).toHaveLength(1)
    expect(events.succeeded).toMatchObject([{ output: 'done' }])
    expect((await rows(h, `a_${task.queue}`))[0]).toMatchObject({ headers: { 'x-job-output': 'done' } })
    expect(worker.health().ready).toBe(true)
  })

  it('an archive that is gone', async () => {
    const task = ping()
    await h.client.enqueue(task, { n: 1 })
    await h.sql(`alter table pgmq.a_${task.queue} rename to elsewhere`)
    const { events } = await work(task, () => undefined)
    await until('parked', () => events.parked.length)
    expect((await rows(h, `q_${task.queue}`))[0]).toMatchObject({ headers: { 'x-job-done': true } })
  })

  it.each([Number.NaN, -5, 0, 1e11, Number.POSITIVE_INFINITY])('extend(%d), which is refused', async (seconds) => {
    const task = ping()
    await h.client.enqueue(task, { n: 1 })
    const { events } = await work(task, (_input, { extend }) => extend(seconds).catch(({ code }) => code))
    await until('success', () => events.succeeded.length)
    expect(events.succeeded[0]?.output).toBe('CONFIGURATION_INVALID')
  })

  it('numbers too large for a timer, without a storm of statements', async () => {
    const task = ping()
    let statements = 0
    const count = (): boolean => {
      statements++
      return false
    }
    const client = h.clientWith({ visibilitySeconds: 90 * 86_400 }, faultyPool(h, { match: /./, lose: count }))
    const handler = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 500))
    const { events } = await work(task, handler, { client, pollIntervalMs: 30 * 86_400_000 })
    await h.client.enqueue(task, { n: 1 })
    await until('success', () => events.succeeded.length)
    expect(statements).toBeLessThan(50)
  })

  it('twenty jobs of a task at its limit in front of another task', async () => {
    const task = ping()
    const other = defineTask({ name: 'other', queue: task.queue, input: unchecked<object>() })
    await h.client.enqueueMany(
      task,
      Array.from({ length: 20 }, (_, n) => ({ n })),
    )
    await h.client.enqueue(other, {})
    const { opened, open } = gate()
    const worker = createWorker({
      client: h.client,
      tasks: { task, other },
      handlers: { task: { concurrency: 1, handle: () => opened }, other: () => undefined },
      concurrency: 4,
    })
    stops.push(() => worker.stop({ graceSeconds: 1 }))
    const events = record(worker)
    await worker.start()
    await until('the other one', () => events.succeeded.length)
    open()
    await until('all', () => events.succeeded.length === 21)
  })
})
