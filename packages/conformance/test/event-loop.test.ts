import { createWorker, defineTask, type Handlers, type Tasks, unchecked, type Worker } from '@pgmq/core'
import { afterEach, expect, it } from 'vitest'
import { describeSuite } from './support/harness.js'
import { record } from './support/recorder.js'
import { gate, until } from './support/until.js'

describeSuite('a blocked event loop', (h) => {
  const workers: Worker[] = []
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.stop({ graceSeconds: 0 })))
  })

  const named = (name: string) => defineTask({ name, queue: h.queue(), input: unchecked<object>() })
  const block = (ms: number): void => {
    const untilMs = performance.now() + ms
    while (performance.now() < untilMs);
  }
  /** With leases of 9 s it counts from 1.5 s on. */
  function workerOf<T extends Tasks>(tasks: T, handlers: Handlers<T>, visibilitySeconds = 9) {
    const lines: string[] = []
    const line = (_fields: object, message: string): void => void lines.push(message)
    const worker = createWorker({
      client: h.clientWith({ visibilitySeconds }),
      tasks,
      handlers,
      logger: { debug() {}, info() {}, warn: line, error: line },
    })
    workers.push(worker)
    return { worker, events: record(worker), lines }
  }

  it('is told with the task whose first part did it, and logged in a line', async () => {
    const [heavy, other] = [named('heavy'), named('other')]
    const { opened, open } = gate()
    const { worker, events, lines } = workerOf({ heavy, other }, { heavy: () => block(2_500), other: () => opened })
    await worker.start()
    await h.client.enqueue(other, {})
    await until('the other one runs', () => events.started.length)
    await h.client.enqueue(heavy, {})
    await until('the event', () => events.eventLoopBlocked.length)
    open()
    expect(events.eventLoopBlocked[0]).toEqual({ task: 'heavy', blockedMs: expect.any(Number) })
    expect(events.eventLoopBlocked[0]?.blockedMs).toBeGreaterThanOrEqual(2_500)
    expect(lines[0]).toMatch(/^The event loop was blocked for \d+ ms by task 'heavy': meanwhile no lease is extended/)
  })

  it('is told with the only task that ran, when that had waited for something before', async () => {
    const heavy = named('heavy')
    const { worker, events } = workerOf(
      { heavy },
      {
        heavy: async () => {
          await h.sql('select 1')
          block(2_500)
        },
      },
    )
    await worker.start()
    await h.client.enqueue(heavy, {})
    await until('the event', () => events.eventLoopBlocked.length)
    expect(events.eventLoopBlocked[0]).toEqual({ task: 'heavy', blockedMs: expect.any(Number) })
    expect(events.eventLoopBlocked[0]?.blockedMs).toBeGreaterThanOrEqual(1_500)
  })

  it('is told without a name where it could have been another, or none of them', async () => {
    const [heavy, other] = [named('heavy'), named('other')]
    const { opened, open } = gate()
    const { worker, events } = workerOf(
      { heavy, other },
      {
        other: () => opened,
        heavy: async () => {
          await h.sql('select 1')
          block(2_500)
        },
      },
    )
    await worker.start()
    await h.client.enqueue(other, {})
    await until('the other one runs', () => events.started.length)
    await h.client.enqueue(heavy, {})
    await until('the event', () => events.eventLoopBlocked.length)
    open()
    await until('both are done', () => events.succeeded.length === 2)
    const before = events.eventLoopBlocked.length
    block(2_500)
    await until('the next event', () => events.eventLoopBlocked.length > before)
    expect(events.eventLoopBlocked.map(({ task }) => task)).toEqual([null, null])
  })

  it('is nothing to tell below a sixth of the shortest lease', async () => {
    const heavy = named('heavy')
    const { worker, events } = workerOf({ heavy }, { heavy: () => block(1_500) }, 600)
    await worker.start()
    await h.client.enqueue(heavy, {})
    await until('it shows in the health', () => worker.health().eventLoopDelayMs >= 900)
    await until('it has ended', () => events.succeeded.length)
    expect(events.eventLoopBlocked).toEqual([])
  })
})
