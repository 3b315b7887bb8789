import {
  createWorker,
  defineTask,
  type Handler,
  PermanentError,
  RetryAfterError,
  type RetryPolicy,
  SnoozeError,
  type Task,
  unchecked,
  type WorkerOptions,
} from '@pgmq/core'
import { afterEach, expect, it } from 'vitest'
import { z } from 'zod'
import { describeSuite } from './support/harness.js'
import { places, rows } from './support/look.js'
import { record } from './support/recorder.js'
import { until } from './support/until.js'

const atOnce: RetryPolicy = { backoff: () => 0 }

describeSuite('a worker', (h) => {
  const stops: (() => Promise<void>)[] = []
  afterEach(async () => {
    await Promise.all(stops.splice(0).map((stop) => stop()))
  })

  /** One task on a queue of its own, and a worker that runs it. */
  async function work<T extends Task>(
    task: T,
    handler: Handler<T>,
    options: Partial<WorkerOptions<{ task: T }, never>> = {},
  ) {
    const worker = createWorker({
      client: h.client,
      tasks: { task },
      handlers: { task: handler },
      pollIntervalMs: 100,
      ...options,
    })
    stops.push(() => worker.stop({ graceSeconds: 1 }))
    const events = record(worker)
    await worker.start()
    return { worker, events }
  }
  const ping = () => defineTask({ name: 'ping', queue: h.queue(), input: unchecked<{ n: number }>() })

  it('archives what its handler finished, with the output', async () => {
    const task = ping()
    const { id } = await h.client.enqueue(task, { n: 20 })
    const { events } = await work(task, ({ n }) => ({ doubled: n * 2 }))
    await until('success', () => events.succeeded.length)

    const [archived] = await rows(h, `a_${task.queue}`)
    expect(archived).toMatchObject({
      msg_id: id,
      message: { task: 'ping', n: 20 },
      headers: { 'x-job-output': { doubled: 40 } },
    })
    expect(events.succeeded[0]).toMatchObject({ task: 'ping', attempt: 1, output: { doubled: 40 }, message: { id } })
  })

  it('archives without headers what returns nothing', async () => {
    const task = ping()
    await h.client.enqueue(task, { n: 1 })
    const { events } = await work(task, () => undefined)
    await until('success', () => events.succeeded.length)
    expect((await rows(h, `a_${task.queue}`))[0]?.headers).toBeNull()
  })

  it.each([
    ['U+0000', 'a\u0000b'],
    ['a bigint', 1n],
    ['more than 64 kB', 'x'.repeat(70_000)],
  ])('archives the job but not an output of %s', async (_what, output) => {
    const task = ping()
    await h.client.enqueue(task, { n: 1 })
    const { events } = await work(task, () => output)
    await until('success', () => events.succeeded.length)
    expect((await rows(h, `a_${task.queue}`))[0]?.headers).toBeNull()
  })

  it('deletes instead where the queue says so', async () => {
    const task = ping()
    await h.client.enqueue(task, { n: 1 })
    const { events } = await work(task, () => 1, { queues: { [task.queue]: { onSuccess: 'delete' } } as never })
    await until('success', () => events.succeeded.length)
    expect(await places(h, task.queue)).toEqual({ queue: 0, archive: 0, dlq: 0 })
  })

  it('gives the handler what the schema makes of the input', async () => {
    const task = defineTask({
      name: 'at',
      queue: h.queue(),
      input: z.object({ at: z.iso.datetime().transform((s) => new Date(s)), n: z.number().default(5) }),
    })
    await h.client.enqueue(task, { at: '2026-01-02T03:04:05Z' })
    const { events } = await work(task, ({ at, n }) => [at.getUTCFullYear(), n])
    await until('success', () => events.succeeded.length)
    expect(events.succeeded[0]?.output).toEqual([2026, 5])
    expect((await rows(h, `a_${task.queue}`))[0]?.message).toEqual({ task: 'at', at: '2026-01-02T03:04:05Z' })
  })

  it('handles a body written by plain SQL', async () => {
    const task = ping()
    const { events } = await work(task, ({ n }) => n)
    await h.sql('select pgmq.send($1, $2)', [task.queue, { task: 'ping', n: 3 }])
    await until('success', () => events.succeeded.length)
    expect(events.succeeded[0]?.output).toBe(3)
  })

  it('retries at once in the same slot, then after a while, then gives up', async () => {
    const task = ping()
    const { id } = await h.client.enqueue(task, { n: 1 }, { headers: { tenant: 'acme' } })
    const attempts: number[] = []
    const { events } = await work(
      task,
      (_input, { attempt }) => {
        attempts.push(attempt)
        throw new Error(`no. ${attempt}`)
      },
      { client: h.clientWith({ retry: { backoff: { baseSeconds: 0.05 } } }) },
    )
    await until('dead letter', () => events.deadLettered.length)

    expect(attempts).toEqual([1, 2, 3, 4])
    expect(events.retried.map(({ attempt, maxRetries }) => [attempt, maxRetries])).toEqual([
      [1, 3],
      [2, 3],
      [3, 3],
    ])
    expect(events.deadLettered[0]).toMatchObject({ reason: 'retries_exhausted', retryCount: 3, attempt: 4 })
    const [letter] = await rows(h, `q_${task.queue}_dlq`)
    expect(letter?.message).toEqual({
      original_queue: task.queue,
      original_msg_id: id,
      error: 'no. 4',
      message: { task: 'ping', n: 1 },
      retry_count: 3,
      failed_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      reason: 'retries_exhausted',
    })
    expect(letter?.headers).toEqual({ tenant: 'acme' })
  })

  it('dead-letters a permanent failure on the first attempt', async () => {
    const task = ping()
    await h.client.enqueue(task, { n: 1 })
    const { events } = await work(task, () => {
      throw new PermanentError('refused')
    })
    await until('dead letter', () => events.deadLettered.length)
    expect((await rows(h, `q_${task.queue}_dlq`))[0]).toMatchObject({
      headers: null,
      message: { error: 'refused', retry_count: 0, reason: 'permanent' },
    })
  })

  it('waits as long as the handler asks before a retry', async () => {
    const task = ping()
    await h.client.enqueue(task, { n: 1 })
    const { events } = await work(task, () => {
      throw new RetryAfterError('rate limited', { delaySeconds: 3600 })
    })
    await until('retry', () => events.retried.length)
    const [row] = await rows(h, `q_${task.queue}`)
    expect(events.retried[0]?.delaySeconds).toBe(3600)
    expect(row?.vt.getTime()).toBeGreaterThan(Date.now() + 3_500_000)
    expect(row?.headers).toEqual({ 'x-job-failures': 1, 'x-job-ended': 1 })
  })

  it('snoozes without counting a failure', async () => {
    const task = ping()
    await h.client.enqueue(task, { n: 1 })
    const runAt = new Date('2100-01-01T00:00:00.123Z')
    const { events } = await work(task, () => {
      throw new SnoozeError('later', { runAt })
    })
    await until('snooze', () => events.snoozed.length)
    const [row] = await rows(h, `q_${task.queue}`)
    expect(row).toMatchObject({ vt: runAt, last_read_at: null, headers: { 'x-job-ended': 1 } })
  })

  it('runs a snoozed job again as the same attempt, however often', async () => {
    const task = ping()
    await h.client.enqueue(task, { n: 1 })
    let times = 0
    const { events } = await work(task, (_input, { attempt }) => {
      if (++times < 8) throw new SnoozeError('later', { delaySeconds: 0.01 })
      return attempt
    })
    await until('success', () => events.succeeded.length)
    expect(events.succeeded[0]?.output).toBe(1)
    expect(events.crashed).toEqual([])
  })

  it('dead-letters a body that fits no schema, and one that names no task, at once', async () => {
    const task = defineTask({ name: 'mail', queue: h.queue(), input: z.object({ email: z.email() }) })
    await h.client.enqueue(task.queue, { task: 'mail', email: 'nobody' })
    await h.client.enqueue(task.queue, { email: 'ada@example.com' })
    await h.client.enqueue(task.queue, { task: 7 })
    const { events } = await work(task, () => 1)
    await until('dead letters', () => events.deadLettered.length === 3)
    expect(events.deadLettered.map(({ reason }) => reason)).toEqual(['invalid_input', 'invalid_input', 'invalid_input'])
    expect(events.started).toEqual([])
    expect((await rows(h, `q_${task.queue}_dlq`))[0]?.message.error).toContain('email: Invalid email address')
  })

  it('dead-letters a return value that its output schema refuses', async () => {
    const task = defineTask({
      name: 'sum',
      queue: h.queue(),
      input: unchecked<{ n: number }>(),
      output: z.object({ sum: z.number() }),
    })
    await h.client.enqueue(task, { n: 1 })
    const { events } = await work(task, () => ({ sum: 'one' }) as never)
    await until('dead letter', () => events.deadLettered.length)
    expect(events.deadLettered[0]).toMatchObject({ reason: 'permanent', error: { code: 'OUTPUT_INVALID' } })
  })

  it('leaves a task that it does not know to other workers, and counts no failure', async () => {
    const task = ping()
    await h.client.enqueue(task.queue, { task: 'pong' })
    const { events } = await work(task, () => 1)
    await until('snooze', () => events.snoozed.length)
    expect(events.snoozed[0]).toMatchObject({ delaySeconds: 1, task: '' })
    expect((await rows(h, `q_${task.queue}`))[0]?.headers).toEqual({ 'x-job-unknown': 1, 'x-job-ended': 1 })
  })

  it('dead-letters a task that no worker knew for long enough', async () => {
    const task = ping()
    await h.sql('select pgmq.create($1)', [task.queue])
    await h.sql(
      `insert into pgmq.q_${task.queue} (vt, message, headers, read_ct) values (now(), '{"task":"pong"}', '{"x-job-unknown": 3, "x-job-ended": 3}', 3)`,
    )
    const { events } = await work(task, () => 1, { unknownTaskSeconds: 7 })
    await until('dead letter', () => events.deadLettered.length)
    expect(events.deadLettered[0]?.reason).toBe('unknown_task')
  })

  it('runs jobs under an earlier name, and of an earlier version through its upgrade', async () => {
    const queue = h.queue()
    const old = defineTask({ name: 'resize', queue, input: unchecked<{ key: string }>() })
    const task = defineTask({
      name: 'resize_image',
      aliases: ['resize'],
      queue,
      version: 2,
      upgrades: { 1: (body) => ({ ...body, width: 640 }) },
      input: unchecked<{ key: string; width: number }>(),
    })
    await h.client.enqueue(old, { key: 'a' })
    await h.client.enqueue(task, { key: 'b', width: 10 })
    const { events } = await work(task, ({ key, width }) => `${key}:${width}`)
    await until('successes', () => events.succeeded.length === 2)
    expect(events.succeeded.map(({ output }) => output).sort()).toEqual(['a:640', 'b:10'])
  })

  it('leaves a newer version of a task to newer workers', async () => {
    const queue = h.queue()
    const newer = defineTask({ name: 'ping', queue, version: 2, input: unchecked<{ n: number }>() })
    await h.client.enqueue(newer, { n: 1 })
    const { events } = await work(defineTask({ name: 'ping', queue, input: unchecked<{ n: number }>() }), () => 1)
    await until('snooze', () => events.snoozed.length)
    expect(events.started).toEqual([])
  })

  it('aborts a handler that runs out of time, and counts a failure', async () => {
    const task = defineTask({
      name: 'slow',
      queue: h.queue(),
      input: unchecked<object>(),
      timeoutSeconds: 0.2,
      retry: { ...atOnce, maxRetries: 1 },
    })
    await h.client.enqueue(task, {})
    const reasons: unknown[] = []
    const { events } = await work(task, async (_input, { signal }) => {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      reasons.push((signal.reason as Error).message)
    })
    await until('dead letter', () => events.deadLettered.length)
    expect(reasons).toEqual(Array(2).fill('task "slow" ran out of time: it may take 0.2 s'))
    expect(events.timedOut).toHaveLength(2)
    expect(events.deadLettered[0]).toMatchObject({ reason: 'timed_out', retryCount: 1 })
  })

  it('frees the slot of a handler that ignores its abort, and counts it as a stray', async () => {
    const task = defineTask({ name: 'deaf', queue: h.queue(), input: unchecked<object>(), timeoutSeconds: 0.2 })
    await h.client.enqueue(task, {})
    let end = (): void => {}
    const deaf = new Promise<void>((resolve) => {
      end = resolve
    })
    const { worker, events } = await work(task, () => deaf, {
      concurrency: 1,
      client: h.clientWith({ visibilitySeconds: 2 }),
    })
    await until('retry', () => events.retried.length)
    expect(worker.health()).toMatchObject({ strays: 1, inFlight: 0, ready: false })
    expect(events.retried[0]?.delaySeconds).toBe(2)
    end()
    await until('stray gone', () => worker.health().strays === 0)
  }, 20_000)

  it('passes handlers through the middleware, the first outermost', async () => {
    const task = ping()
    await h.client.enqueue(task, { n: 1 })
    const seen: string[] = []
    const step = (name: string) => async (_context: unknown, next: () => Promise<unknown>) => {
      seen.push(`${name} in`)
      const output = await next()
      seen.push(`${name} out`)
      return `${name}(${String(output)})`
    }
    const { events } = await work(task, ({ n }) => n, { middleware: [step('a'), step('b')] })
    await until('success', () => events.succeeded.length)
    expect(seen).toEqual(['a in', 'b in', 'b out', 'a out'])
    expect(events.succeeded[0]?.output).toBe('a(b(1))')
  })

  it('runs no more of a task at once than its handler allows, and lets others pass', async () => {
    const queue = h.queue()
    const heavy = defineTask({ name: 'heavy', queue, input: unchecked<object>() })
    const light = defineTask({ name: 'light', queue, input: unchecked<object>() })
    await h.client.enqueueMany(heavy, Array(6).fill({}))
    await h.client.enqueueMany(light, Array(6).fill({}))
    let running = 0
    let most = 0
    let open = (): void => {}
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    const worker = createWorker({
      client: h.client,
      tasks: { heavy, light },
      handlers: {
        heavy: {
          concurrency: 2,
          handle: async () => {
            most = Math.max(most, ++running)
            await gate
            running--
          },
        },
        light: () => undefined,
      },
    })
    stops.push(() => worker.stop())
    const events = record(worker)
    await worker.start()
    await until('the light ones', () => events.succeeded.length === 6)
    open()
    await until('all', () => events.succeeded.length === 12)
    expect(most).toBe(2)
  })

  it('archives what fails for good in a dead-letter queue, with its error', async () => {
    const queue = `${h.queue()}_dlq`
    const task = defineTask({ name: 'ping', queue, input: unchecked<object>() })
    await h.client.enqueue(task, {})
    const { events } = await work(task, () => {
      throw new PermanentError('again')
    })
    await until('dead letter', () => events.deadLettered.length)
    expect((await rows(h, `a_${queue}`))[0]?.headers).toEqual({ 'x-job-outcome': 'failed', 'x-job-error': 'again' })
  })
})
