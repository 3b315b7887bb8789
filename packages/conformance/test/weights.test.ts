import { createWorker, defineTask, unchecked, type Worker } from '@pgmq/core'
import { afterEach, expect, it } from 'vitest'
import { describeSuite } from './support/harness.js'
import { refusal } from './support/refusal.js'
import { until } from './support/until.js'

interface QueueSpec {
  readonly handlerMs: number
  readonly jobs: number
  readonly weight?: number
  readonly concurrency?: number
}

describeSuite('queues that share a worker', (h) => {
  const workers: Worker[] = []
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.stop({ graceSeconds: 0 })))
  })

  const task = (queue = h.queue()) => defineTask({ name: 'ping', queue, input: unchecked<{ n: number }>() })
  const jobs = (count: number) => Array.from({ length: count }, (_, n) => ({ n }))
  const lasting = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

  /** Queues `a`, `b`, …, filled; and a worker that takes down every start. */
  async function sharing(specs: readonly QueueSpec[], options: object = {}) {
    const starts: number[] = []
    const tookMs = specs.map(() => 0)
    const tasks = specs.map(() => task())
    const handlers = specs.map(({ handlerMs }, i) => async () => {
      starts.push(i)
      const startedMs = performance.now()
      if (handlerMs > 0) await lasting(handlerMs)
      tookMs[i] = (tookMs[i] ?? 0) + performance.now() - startedMs
    })
    for (const [i, spec] of specs.entries()) {
      await h.client.queues.create((tasks[i] as { queue: string }).queue)
      if (spec.jobs > 0) await h.client.enqueueMany(tasks[i] as never, jobs(spec.jobs))
    }
    const queues = Object.fromEntries(
      specs.map(({ weight, concurrency }, i) => [
        tasks[i]?.queue,
        { ...(weight === undefined ? {} : { weight }), ...(concurrency === undefined ? {} : { concurrency }) },
      ]),
    )
    const worker = createWorker({
      client: h.client,
      tasks: { ...tasks } as never,
      handlers: { ...handlers } as never,
      queues: queues as never,
      pollIntervalMs: 200,
      ...options,
    })
    workers.push(worker)
    const count = (queue: number, upTo = starts.length): number =>
      starts.slice(0, upTo).filter((one) => one === queue).length
    return { worker, tasks, starts, tookMs, count }
  }

  it.each([
    [50, 8],
    [30, 4],
    [30, 1],
  ])('get slots by their weights, where handlers take %d ms, in %d slots', async (handlerMs, concurrency) => {
    const size = concurrency * 40
    const { worker, starts, count } = await sharing(
      [
        { handlerMs, jobs: size, weight: 1 },
        { handlerMs, jobs: 2 * size, weight: 4 },
      ],
      { concurrency },
    )
    await worker.start()
    await until('enough', () => starts.length >= size)
    const share = count(0, size) / size
    console.log(`weights 1 and 4, ${handlerMs} ms in ${concurrency} slots: the first got ${(share * 100).toFixed()} %`)
    expect(share).toBeGreaterThan(0.12)
    expect(share).toBeLessThan(0.36)
  })

  it('get equal slot time, however long the handlers of either', async () => {
    const { worker, tookMs, count } = await sharing(
      [
        { handlerMs: 100, jobs: 500 },
        { handlerMs: 5, jobs: 2_000 },
      ],
      { concurrency: 8 },
    )
    await worker.start()
    await until('forty long ones', () => count(0) >= 40)
    const [long = 0, short = 0] = tookMs
    console.log(`slot time of 100 ms handlers ${long.toFixed()} ms, of 5 ms handlers ${short.toFixed()} ms`)
    expect(short / long).toBeGreaterThan(0.5)
    expect(short / long).toBeLessThan(2)
  })

  it('starve none, be its weight a ten-thousandth', async () => {
    const { worker, count } = await sharing([
      { handlerMs: 5, jobs: 3_000, weight: 10_000 },
      { handlerMs: 5, jobs: 3, weight: 1 },
    ])
    await worker.start()
    await until('the small one is done', () => count(1) === 3)
    expect(count(0)).toBeLessThan(3_000)
  })

  it('flooded nine to one: the small one is done when the big one has had as much', async () => {
    const { worker, count } = await sharing([
      { handlerMs: 5, jobs: 2_700 },
      { handlerMs: 5, jobs: 300 },
    ])
    await worker.start()
    await until('the small one is done', () => count(1) === 300)
    console.log(`300 of the small queue done after ${count(0)} of the big one`)
    expect(count(0)).toBeLessThan(900)
  })

  it('pick a job of a small queue up within 50 ms’ worth of starts, while another floods them', async () => {
    const { worker, tasks, starts, count } = await sharing([
      { handlerMs: 5, jobs: 15_000 },
      { handlerMs: 5, jobs: 0 },
    ])
    await worker.start()
    await until('the flood', () => count(0) > 300)
    const waits: { readonly ms: number; readonly starts: number }[] = []
    for (let n = 1; n <= 100; n++) {
      await h.client.enqueue(tasks[1] as never, { n })
      const [sentMs, before] = [performance.now(), starts.length]
      while (count(1) < n) await new Promise((resolve) => setImmediate(resolve))
      waits.push({ ms: performance.now() - sentMs, starts: starts.lastIndexOf(1) - before })
    }
    expect(count(0)).toBeLessThan(15_000)
    const sorted = (of: 'ms' | 'starts'): number[] => waits.map((wait) => wait[of]).sort((a, b) => a - b)
    const [ms, others] = [sorted('ms'), sorted('starts')]
    console.log(
      `pickup beside a flood: p50 ${ms[50]?.toFixed(1)} ms, p99 ${ms[98]?.toFixed(1)} ms; starts of others p50 ${others[50]}, p99 ${others[98]}`,
    )
    // 16 slots of 5 ms start 160 in 50 ms.
    expect(others[98]).toBeLessThanOrEqual(160)
  })

  it('get a slot of a worker full of long handlers as soon as one ends', async () => {
    const { worker, tasks, starts, count } = await sharing(
      [
        { handlerMs: 300, jobs: 200 },
        { handlerMs: 300, jobs: 0 },
      ],
      { concurrency: 4 },
    )
    await worker.start()
    await until('it is full', () => count(0) >= 4)
    for (let n = 1; n <= 3; n++) {
      const before = starts.length
      await h.client.enqueue(tasks[1] as never, { n })
      await until('it runs', () => count(1) === n)
      // At the most the four that may end at once, and those that ended before it was leased.
      expect(starts.lastIndexOf(1) - before).toBeLessThanOrEqual(8)
    }
  })

  it('keep to their own limits, and use what others leave', async () => {
    const { worker, starts, count } = await sharing(
      [
        { handlerMs: 60_000, jobs: 100, weight: 100, concurrency: 2 },
        { handlerMs: 60_000, jobs: 100 },
        { handlerMs: 1, jobs: 0, weight: 100 },
      ],
      { concurrency: 10, graceSeconds: 0 },
    )
    await worker.start()
    await until('it is full', () => starts.length === 10)
    expect([count(0), count(1)]).toEqual([2, 8])
  })

  it('are held up by none that is in trouble', async () => {
    const { worker, tasks, starts, count } = await sharing(
      [
        { handlerMs: 2, jobs: 10, weight: 100 },
        { handlerMs: 2, jobs: 300 },
      ],
      { concurrency: 2, logger: { debug() {}, info() {}, warn() {}, error() {} } },
    )
    const queue = (tasks[0] as { queue: string }).queue
    await h.sql(`create function pgmq.refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$`)
    await h.sql(`create trigger refuse before update on pgmq.q_${queue} for each row execute function pgmq.refuse()`)
    await worker.start()
    await until('the other is done', () => count(1) === 300)
    expect(starts).toHaveLength(300)
  })

  it('share a hundred jobs of long handlers with another worker, at worst forty to sixty', async () => {
    const ping = task()
    await h.client.enqueueMany(ping, jobs(100))
    const counts: [number, number] = [0, 0]
    for (const i of [0, 1] as const) {
      const worker = createWorker({
        client: h.client,
        tasks: { ping },
        handlers: {
          ping: async () => {
            counts[i]++
            await lasting(1_000)
          },
        },
      })
      workers.push(worker)
    }
    await Promise.all(workers.map((worker) => worker.start()))
    await until('all have begun', () => counts[0] + counts[1] === 100)
    console.log(`two workers shared 100 jobs: ${counts.join(' and ')}`)
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(40)
  })

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, '4'])('refuse the weight %s', async (weight) => {
    const ping = task()
    const error = await refusal(
      (async () =>
        createWorker({
          client: h.client,
          tasks: { ping },
          handlers: { ping: () => undefined },
          queues: { [ping.queue]: { weight: weight as number } },
        }))(),
      'CONFIGURATION_INVALID',
    )
    expect(error.details).toEqual({ field: `queues.${ping.queue}.weight` })
  })
})
