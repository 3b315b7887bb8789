import { createWorker, defineTask, type Handlers, type Tasks, unchecked, type Worker } from '@pgmq/core'
import { afterEach, expect, it } from 'vitest'
import { begin } from './support/connection.js'
import { faultyPool, NOTE, RENEWAL } from './support/faulty.js'
import { describeSuite } from './support/harness.js'
import { places, rows } from './support/look.js'
import { record } from './support/recorder.js'
import { gate, until } from './support/until.js'

describeSuite('with a database in trouble', (h) => {
  const workers: Worker[] = []
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.stop({ graceSeconds: 0 })))
  })

  function workerOf<T extends Tasks>(tasks: T, handlers: Handlers<T>, options: object = {}) {
    const worker = createWorker({ client: h.client, tasks, handlers, pollIntervalMs: 100, ...options })
    workers.push(worker)
    return { worker, events: record(worker) }
  }
  const ping = (more: object = {}) =>
    defineTask({ name: 'ping', queue: h.queue(), input: unchecked<{ n: number }>(), ...more })

  /** A message that two crashes make a suspect. */
  async function suspect(task: ReturnType<typeof ping>): Promise<void> {
    const { id } = await h.client.enqueue(task, { n: 1 })
    await h.sql(`update pgmq.q_${task.queue} set read_ct = 2 where msg_id = $1`, [id])
  }

  it('a suspect is not convicted for renewals whose replies were lost', async () => {
    const task = ping()
    await suspect(task)
    let lost = 0
    const client = h.clientWith({ visibilitySeconds: 1 }, faultyPool(h, { match: RENEWAL, lose: () => lost++ < 3 }))
    const { worker, events } = workerOf({ task }, { task: () => undefined }, { client })
    await worker.start()
    await until('an end', () => events.succeeded.length + events.deadLettered.length)
    expect(lost).toBeGreaterThan(0)
    expect(events.started).toHaveLength(1)
    expect(events.leaseLost).toEqual([])
    expect(await places(h, task.queue)).toEqual({ queue: 0, archive: 1, dlq: 0 })
  })

  it('a retry at once whose reply was lost goes on in its slot, and counts', async () => {
    const task = ping({ retry: { maxRetries: 2, backoff: () => 0 } })
    await h.client.enqueue(task, { n: 1 })
    let lost = 0
    const client = h.clientWith({}, faultyPool(h, { match: RENEWAL, lose: () => lost++ === 0 }))
    const attempts: number[] = []
    const { worker, events } = workerOf(
      { task },
      {
        task: (_input, { attempt }) => {
          attempts.push(attempt)
          throw new Error('no')
        },
      },
      { client },
    )
    await worker.start()
    await until('dead letter', () => events.deadLettered.length)
    expect(attempts).toEqual([1, 2, 3])
    expect(events.crashed).toEqual([])
  })

  it('a renewal that takes longer than a heartbeat is no lost lease', async () => {
    const task = ping()
    await suspect(task)
    const client = h.clientWith({ visibilitySeconds: 1.2 }, faultyPool(h, { match: RENEWAL, delayMs: 500 }))
    const { worker, events } = workerOf({ task }, { task: () => undefined }, { client })
    await worker.start()
    await until('success', () => events.succeeded.length)
    expect(events.leaseLost).toEqual([])
  })

  it('others join a long suspect although the first attempt to say so got no reply', async () => {
    const [task, other] = [ping(), ping()]
    await suspect(task)
    let lost = 0
    const client = h.clientWith({ visibilitySeconds: 0.6 }, faultyPool(h, { match: NOTE, lose: () => lost++ === 0 }))
    const { opened, open } = gate()
    const { worker, events } = workerOf({ task, other }, { task: () => opened, other: () => undefined }, { client })
    await worker.start()
    await until('the suspect runs', () => events.started.length)
    await h.client.enqueue(other, { n: 1 })
    await until('the other one', () => events.succeeded.length)
    expect(lost).toBe(2)
    expect((await rows(h, `q_${task.queue}`))[0]).toMatchObject({ headers: { 'x-job-alone': 0 } })
    open()
    await until('both', () => events.succeeded.length === 2)
  })

  it('a finished job whose row somebody has locked costs one connection, and holds up no other', async () => {
    const task = ping()
    const client = h.clientWith({ visibilitySeconds: 3 })
    const { opened, open } = gate()
    const { worker, events } = workerOf({ task }, { task: ({ n }) => (n === 0 ? opened : undefined) }, { client })
    await worker.start()
    const { id } = await h.client.enqueue(task, { n: 0 })
    await until('started', () => events.started.length)
    const locker = await begin(h)
    await locker.query(`select from pgmq.q_${task.queue} where msg_id = $1 for update`, [id])
    open()
    for (let n = 1; n <= 20; n++) {
      await h.client.enqueue(task, { n })
      await until('the next', () => events.succeeded.length === n)
    }
    expect(events.connection.filter(({ up }) => !up).length).toBeLessThanOrEqual(1)
    await locker.query('rollback')
    await until('the first', () => events.succeeded.length === 21)
  })

  it('one long neighbour does not stop a worker for the sake of a message that others read a thousand times', async () => {
    const [task, other, long] = [ping(), ping(), ping()]
    const client = h.clientWith({ visibilitySeconds: 0.2 })
    const { opened, open } = gate()
    const handlers = { task: () => undefined, other: () => undefined, long: () => opened }
    const { worker, events } = workerOf({ task, other, long }, handlers, { client })
    await worker.start()
    await h.client.enqueue(long, { n: 1 })
    await until('the neighbour runs', () => events.started.length)
    const { id } = await h.client.enqueue(task, { n: 1 }, { delaySeconds: 60 })
    await h.sql(`update pgmq.q_${task.queue} set read_ct = 1000, vt = now() where msg_id = $1`, [id])
    await until('it is a suspect', () => events.crashed.length)
    await h.client.enqueue(other, { n: 1 })
    await until('both are done', () => events.succeeded.length === 2)
    open()
  })

  it('a completeWith whose handler hangs in its transaction counts as timed out', async () => {
    const task = ping({ timeoutSeconds: 0.2, retry: { maxRetries: 0 } })
    await h.client.enqueue(task, { n: 1 })
    const tx = await begin(h)
    const { opened, open } = gate()
    const handle = async (_input: unknown, context: { completeWith: unknown }): Promise<void> => {
      await (context.completeWith as (connection: unknown) => Promise<void>)(tx)
      await opened
      await tx.query('rollback')
    }
    const { worker, events } = workerOf({ task }, { task: handle as never })
    await worker.start()
    await until('it is a stray', () => worker.health().strays)
    open()
    await until('dead letter', () => events.deadLettered.length)
    expect(events.deadLettered[0]).toMatchObject({ reason: 'timed_out' })
    expect(events.started).toHaveLength(1)
    expect(await places(h, task.queue)).toEqual({ queue: 0, archive: 0, dlq: 1 })
  })
})
