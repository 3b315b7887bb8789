import { createWorker, defineTask, type PgmqClient, unchecked, type Worker } from '@pgmq/core'
import { afterEach, expect, it } from 'vitest'
import { begin } from './support/connection.js'
import { describeSuite } from './support/harness.js'
import { places } from './support/look.js'
import { refusal } from './support/refusal.js'
import { until } from './support/until.js'

describeSuite('retainArchive', (h) => {
  const workers: Worker[] = []
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.stop({ graceSeconds: 0 })))
  })

  const ping = (queue = h.queue()) => defineTask({ name: 'ping', queue, input: unchecked<{ n: number }>() })
  type Ping = ReturnType<typeof ping>
  function workerOf(task: Ping, days: number, options: { client?: PgmqClient; logger?: object } = {}): Worker {
    const worker = createWorker({
      client: h.client,
      tasks: { task },
      handlers: { task: () => undefined },
      queues: { [task.queue]: { retainArchive: { days } } },
      pollIntervalMs: 100,
      ...(options as object),
    })
    workers.push(worker)
    return worker
  }
  /** Archived messages, each so old. */
  async function archived(queue: string, count: number, age: string): Promise<void> {
    await h.client.queues.create(queue)
    await h.sql(
      `insert into pgmq.a_${queue} (msg_id, vt, archived_at, message)
       select coalesce((select max(msg_id) from pgmq.a_${queue}), 1000) + n, now(), now() - $2::interval, '{}'
       from generate_series(1, $1::int) n`,
      [count, age],
    )
  }
  const left = async ({ queue }: Ping): Promise<number> => (await places(h, queue)).archive
  function recording() {
    const lines: string[] = []
    const line = (_fields: object, message: string): void => void lines.push(message)
    return {
      lines: () => lines.filter((one) => one.includes('archive of')),
      debug: line,
      info: line,
      warn: line,
      error: line,
    }
  }

  it('deletes what was archived longer ago, in batches, and nothing else', async () => {
    const task = ping()
    await archived(task.queue, 2_500, '8 days')
    await archived(task.queue, 7, '6 days')
    await archived(`${task.queue}_dlq`, 1, '1 year')
    await h.client.enqueue(task, { n: 1 }, { delaySeconds: 3600 })
    await workerOf(task, 7).start()
    await until('the old ones are gone', async () => (await left(task)) === 7)
    expect((await places(h, task.queue)).queue).toBe(1)
    expect(await h.sql(`select from pgmq.a_${task.queue}_dlq`)).toHaveLength(1)
  })

  it('goes on for as long as the worker runs', async () => {
    const task = ping()
    await archived(task.queue, 1, '1 hour')
    await workerOf(task, 0.001).start()
    await until('the first is gone', async () => (await left(task)) === 0)
    await archived(task.queue, 1, '1 hour')
    await until('the next one, too', async () => (await left(task)) === 0)
  })

  it('is off without it, and in a drain', async () => {
    const [kept, pruned] = [ping(), ping()]
    await archived(kept.queue, 1, '10 years')
    await archived(pruned.queue, 1, '10 years')
    const worker = createWorker({
      client: h.client,
      tasks: { kept, pruned },
      handlers: { kept: () => undefined, pruned: () => undefined },
      queues: { [pruned.queue]: { retainArchive: { days: 1 } } },
    })
    workers.push(worker)
    await worker.drain()
    expect(await left(pruned)).toBe(1)
    await worker.start()
    await until('the other is pruned', async () => (await left(pruned)) === 0)
    expect(await left(kept)).toBe(1)
  })

  it('leaves an archive to the worker that is at it', async () => {
    const task = ping()
    await archived(task.queue, 1, '1 hour')
    const other = await begin(h)
    await other.query(`select pg_advisory_xact_lock(hashtextextended('pgmq."a_${task.queue}"', 0))`)
    const [free] = [ping()]
    await archived(free.queue, 1, '1 hour')
    const worker = createWorker({
      client: h.client,
      tasks: { task, free },
      handlers: { task: () => undefined, free: () => undefined },
      queues: {
        [task.queue]: { retainArchive: { days: 0.001 } },
        [free.queue]: { retainArchive: { days: 0.001 } },
      },
    })
    workers.push(worker)
    await worker.start()
    // The other archive is pruned again and again meanwhile: this one had its turns, too.
    for (let turn = 0; turn < 3; turn++) {
      await until('the free one is pruned', async () => (await left(free)) === 0)
      await archived(free.queue, 1, '1 hour')
    }
    expect(await left(task)).toBe(1)
    await other.query('rollback')
    await until('it is pruned', async () => (await left(task)) === 0)
  })

  it('is done once by many workers, whose jobs go on', async () => {
    const task = ping()
    await archived(task.queue, 5_000, '1 hour')
    await Promise.all([1, 2, 3].map(() => workerOf(task, 0.001).start()))
    await h.client.enqueueMany(
      task,
      Array.from({ length: 500 }, (_, n) => ({ n })),
    )
    await until('all is done', async () => (await left(task)) === 500)
    expect(await places(h, task.queue)).toEqual({ queue: 0, archive: 500, dlq: 0 })
  })

  it('that is not granted is said once, with the remedy, and disturbs nothing', async () => {
    const task = ping()
    await archived(task.queue, 1, '1 hour')
    const log = recording()
    await h.sql('drop role if exists pruner')
    await h.sql('create role pruner')
    await h.sql('grant usage on schema pgmq to pruner')
    await h.sql(`grant select, insert, update, delete on pgmq.q_${task.queue}, pgmq.q_${task.queue}_dlq to pruner`)
    await h.sql(`grant select, insert on pgmq.a_${task.queue} to pruner`)
    const pool = h.poolWith({ max: 2, options: '-c role=pruner' })
    const client = h.clientWith({ logger: log }, pool)
    const worker = workerOf(task, 0.001, { client })
    await worker.start()
    await until('the refusal', () => log.lines().length)
    let tries = 0
    pool.on('acquire', () => void tries++)
    for (let n = 1; n <= 3; n++) {
      await h.client.enqueue(task, { n })
      await until('a job', async () => (await left(task)) === n + 1)
    }
    await until('it was tried again', () => tries >= 3)
    expect(log.lines()).toEqual([
      `the archive of '${task.queue}' is not pruned for now: role pruner may not prune the archive of "${task.queue}" (permission denied for table a_${task.queue}). Run: grant usage on schema pgmq to pruner; grant select, delete on pgmq."a_${task.queue}" to pruner;`,
    ])
    await h.sql(`grant delete on pgmq.a_${task.queue} to pruner`)
    await until('it is pruned', async () => (await left(task)) === 3)
    await until('that is said', () => log.lines().length === 2)
    expect(log.lines()[1]).toBe(`the archive of '${task.queue}' is pruned again`)
    expect(worker.health().ready).toBe(true)
  })

  it('survives the loss of every connection', async () => {
    const task = ping()
    const pool = h.poolWith({ max: 2, application_name: 'to_be_lost' })
    await archived(task.queue, 1, '1 hour')
    await workerOf(task, 0.001, { client: h.clientWith({}, pool) }).start()
    await until('the first is gone', async () => (await left(task)) === 0)
    await h.sql(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'to_be_lost'`)
    await archived(task.queue, 1, '1 hour')
    await until('the next one, too', async () => (await left(task)) === 0)
  })

  it('waits for nobody’s lock, nor does a stop wait for it', async () => {
    const task = ping()
    await archived(task.queue, 1, '1 hour')
    const log = recording()
    const client = h.clientWith({ logger: log })
    const locker = await begin(h)
    await locker.query(`select from pgmq.a_${task.queue} for update`)
    const worker = workerOf(task, 0.001, { client })
    await worker.start()
    await until('it gave up', () => log.lines().length)
    expect(log.lines()[0]).toContain('canceling statement due to lock timeout')
    await worker.stop()
    expect(await left(task)).toBe(1)
  })

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 36_526, '7', undefined])('refuses %s days', async (days) => {
    const task = ping()
    const error = await refusal((async () => workerOf(task, days as number))(), 'CONFIGURATION_INVALID')
    expect(error.details).toEqual({ field: `queues.${task.queue}.retainArchive.days` })
    expect(error.message).toContain('give a number of days above 0')
  })
})
