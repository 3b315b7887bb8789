import { createRequire } from 'node:module'
import { createWorker, defineTask, type Message, type Task, unchecked, type Worker } from '@pgmq/core'
import type * as NodePg from '@pgmq/node-pg'
import { createClient } from '@pgmq/node-pg'
import { afterEach, expect, it } from 'vitest'
import { describeSuite } from './support/harness.js'
import { places, rows } from './support/look.js'
import { record } from './support/recorder.js'
import { until } from './support/until.js'

/** Another copy of the library in this process: the CommonJS build has a core of its own. */
const other = createRequire(import.meta.url)('@pgmq/node-pg') as typeof NodePg

const BOTH = [
  ['one copy', { createClient, createWorker }],
  ['two copies', other],
] as const

describeSuite('suspects', (h) => {
  const endings: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const end of endings.splice(0).reverse()) await end()
  })

  interface Span {
    readonly what: string
    readonly from: number
    to: number
  }

  /** A worker whose handler holds its slot for as long as `held` says so, and tells when. */
  function workerOf(
    library: Pick<typeof other, 'createClient' | 'createWorker'>,
    queue: string,
    spans: Span[],
    ms: number,
  ): Worker {
    const client = library.createClient(h.url)
    const task = defineTask({ name: 'ping', queue, input: unchecked<object>() })
    const worker = library.createWorker({
      client,
      tasks: { task },
      pollIntervalMs: 50,
      concurrency: 4,
      queues: { [queue]: { visibilitySeconds: 1 } },
      handlers: {
        task: async () => {
          const span: Span = { what: queue, from: performance.now(), to: Number.POSITIVE_INFINITY }
          spans.push(span)
          await new Promise((resolve) => setTimeout(resolve, ms))
          span.to = performance.now()
        },
      },
    })
    endings.push(async () => {
      await worker.stop({ graceSeconds: 5 })
      await client.close()
    })
    return worker
  }

  async function suspect(queue: string): Promise<void> {
    const { id } = await h.client.enqueue(queue, { task: 'ping' })
    await h.sql(`update pgmq.q_${queue} set read_ct = 2 where msg_id = $1`, [id])
  }

  const together = (a: Span, b: Span): boolean => a.from < b.to && b.from < a.to

  it.each(BOTH)('run while no other worker of the process runs anything (%s of the library)', async (_, library) => {
    const [healthy, suspected] = [h.queue(), h.queue()]
    const spans: Span[] = []
    for (let i = 0; i < 40; i++) await h.client.enqueue(healthy, { task: 'ping' })
    await h.client.queues.create(suspected)
    const first = workerOf({ createClient, createWorker }, healthy, spans, 40)
    const second = workerOf(library, suspected, spans, 300)
    await first.start()
    await until('the healthy ones run', () => spans.length > 0)
    await suspect(suspected)
    await second.start()
    await until('all are archived', async () => {
      const [one, two] = [await places(h, healthy), await places(h, suspected)]
      return one.archive === 40 && two.archive === 1
    })

    const alone = spans.filter(({ what }) => what === suspected)
    expect(alone).toHaveLength(1)
    expect(spans.filter((span) => span.what === healthy && together(span, alone[0] as Span))).toEqual([])
    // The record of it was written, by a lease of its own, and cleared by its end.
    expect((await rows(h, `a_${suspected}`))[0]).toMatchObject({ read_ct: 4, headers: { 'x-job-alone': 0 } })
  })

  it('that take long are joined by the others, and are no longer on record as alone', async () => {
    const [healthy, suspected] = [h.queue(), h.queue()]
    const spans: Span[] = []
    await h.client.queues.create(healthy)
    await h.client.queues.create(suspected)
    await suspect(suspected)
    const second = workerOf({ createClient, createWorker }, suspected, spans, 6_000)
    await second.start()
    await until('the suspect runs', () => spans.length === 1)
    await h.client.enqueue(healthy, { task: 'ping' })
    // One that starts when others may join already is no less free to.
    await workerOf({ createClient, createWorker }, healthy, spans, 1).start()
    await until('the healthy one is archived', async () => (await places(h, healthy)).archive === 1)
    const late = h.queue()
    await h.client.enqueue(late, { task: 'ping' })
    await workerOf({ createClient, createWorker }, late, spans, 1).start()
    await until('the late one is archived', async () => (await places(h, late)).archive === 1)

    expect((spans[0] as Span).to).toBe(Number.POSITIVE_INFINITY)
    expect((await rows(h, `q_${suspected}`))[0]).toMatchObject({ headers: { 'x-job-alone': 0 } })
    // Two lease times for each of its two crashes.
    const [ran, joined] = spans as [Span, Span]
    expect(joined.from - ran.from).toBeGreaterThan(3_900)
  })

  it('run one after the other', async () => {
    const queue = h.queue()
    const spans: Span[] = []
    await h.client.queues.create(queue)
    for (let i = 0; i < 3; i++) await suspect(queue)
    const worker = workerOf({ createClient, createWorker }, queue, spans, 100)
    const events = record(worker)
    await worker.start()
    await until('all are archived', async () => (await places(h, queue)).archive === 3)

    expect(spans).toHaveLength(3)
    expect(spans.filter((a, i) => spans.some((b, j) => i < j && together(a, b)))).toEqual([])
    expect(events.crashed.map(({ crashes }) => crashes)).toEqual([2, 2, 2])
  })

  it('wait no longer for a lease that is under way once it has found nothing', async () => {
    const [suspected, empty] = [h.queue(), h.queue()]
    await h.client.queues.create(suspected)
    await h.client.queues.create(empty)
    await suspect(suspected)
    const taskOf = (queue: string): Task => defineTask({ name: 'ping', queue, input: unchecked<object>() })
    // Both lease at once, the empty one last: a handler would be waited for, for two minutes.
    const tasks = { first: taskOf(suspected), second: taskOf(empty) }
    const handlers = { first: () => undefined, second: () => undefined }
    const worker = createWorker({ client: h.client, tasks, handlers })
    endings.push(() => worker.stop())
    await worker.start()
    await until('it is archived', async () => (await places(h, suspected)).archive === 1)
  })

  it('are dead-lettered unrun once they died alone three times', async () => {
    const queue = h.queue()
    const spans: Span[] = []
    const { id } = await h.client.enqueue(queue, { task: 'ping' })
    await h.sql(`update pgmq.q_${queue} set read_ct = 5, headers = '{"x-job-alone": 3}' where msg_id = $1`, [id])
    await workerOf({ createClient, createWorker }, queue, spans, 1).start()
    await until('it is dead-lettered', async () => (await places(h, queue)).dlq === 1)

    expect(spans).toEqual([])
    expect(await h.client.deadLetters.list(queue)).toMatchObject({ items: [{ reason: 'crash_loop' }] })
  })

  it.each([
    ['a task that nobody knows yet', 'pong', 1],
    ['a newer version of its task', 'ping', 2],
  ])('are not on record as alone for what does not run: %s', async (_what, name, version) => {
    const queue = h.queue()
    const task = defineTask({ name, queue, input: unchecked<object>(), version })
    const { id } = await h.client.enqueue(task, {})
    // Three times its neighbours took the process down.
    await h.sql(`update pgmq.q_${queue} set read_ct = 3 where msg_id = $1`, [id])
    const known = defineTask({ name: 'ping', queue, input: unchecked<object>() })
    for (let deliveries = 0; deliveries < 3; deliveries++) {
      await drain(known)
      await h.sql(`update pgmq.q_${queue} set vt = now()`)
    }
    await drain(task)

    expect(await places(h, queue)).toEqual({ queue: 0, archive: 1, dlq: 0 })
  })

  it.each([
    ['its holder', (message: Message) => message],
    ['an operator', ({ queue, id }: Message) => ({ queue, id })],
  ])('have no record left once %s gives them back', async (_who, named) => {
    const queue = h.queue()
    const { id } = await h.client.enqueue(queue, { task: 'ping' })
    await h.sql(`update pgmq.q_${queue} set read_ct = 5, headers = '{"x-job-alone": 2, "a": 1}' where msg_id = $1`, [
      id,
    ])
    const message = await h.client.dequeue(queue)
    await h.client.setVisibility(named(message as Message), 0)

    // Else it would count again as soon as there are as many crashes.
    expect((await rows(h, `q_${queue}`))[0]?.headers).toEqual({ a: 1, 'x-job-ended': 6 })
  })

  async function drain(task: Task): Promise<void> {
    await createWorker({ client: h.client, tasks: { task }, handlers: { task: () => undefined } }).drain()
  }
})
