import { createWorker, defineTask, unchecked } from '@pgmq/core'
import { afterEach, expect, it } from 'vitest'
import { describeSuite } from './support/harness.js'
import { places, rows } from './support/look.js'
import { Program } from './support/program.js'
import { record } from './support/recorder.js'
import { until } from './support/until.js'

interface Job {
  readonly n: number
  readonly kill?: boolean
  readonly hold?: number
}

describeSuite('worker processes', (h) => {
  const running = new Set<Program>()
  afterEach(async () => {
    await Promise.all([...running].map((program) => program.kill()))
    running.clear()
  })
  const start = (queue: string, options: object): Program => {
    const program = new Program('worker.mjs', [h.url, queue, JSON.stringify(options)])
    running.add(program)
    return program
  }
  const job = (queue = h.queue()) => defineTask({ name: 'job', queue, input: unchecked<Job>() })

  it('that are killed by five jobs lose no other, and convict only those five', async () => {
    const task = job()
    const jobs = Array.from({ length: 2_000 }, (_, n): Job => ({ n }))
    for (const at of [40, 300, 900, 1_300, 1_900]) jobs.splice(at, 0, { n: -at, kill: true })
    await h.client.enqueueMany(task, jobs)
    let deaths = 0
    let over = false
    /** As a service manager does it: started again each time it dies. */
    const supervise = async (): Promise<void> => {
      while (!over) {
        const program = start(task.queue, { visibilitySeconds: 1, concurrency: 8, holdMs: 1 })
        await program.exited
        running.delete(program)
        if (!over) deaths++
      }
    }
    const supervisors = [supervise(), supervise()]
    await until(
      'every job at its place',
      async () => {
        const { archive, dlq } = await places(h, task.queue)
        return archive === 2_000 && dlq === 5
      },
      170_000,
    ).finally(async () => {
      over = true
      await Promise.all([...running].map((program) => program.kill()))
      await Promise.all(supervisors)
    })

    const letters = await rows(h, `q_${task.queue}_dlq`)
    expect(letters.map(({ message }) => message.reason)).toEqual(Array(5).fill('crash_loop'))
    expect(letters.every(({ message }) => (message.message as Job).kill === true)).toBe(true)
    expect(await places(h, task.queue)).toEqual({ queue: 0, archive: 2_000, dlq: 5 })
    // Two deaths in company, three alone, each; several killers may die of one death.
    expect(deaths).toBeLessThanOrEqual(25)
  }, 180_000)

  it('run a message that another consumer read ten times, and archive it', async () => {
    const task = job()
    await h.client.enqueue(task, { n: 1 })
    for (let i = 0; i < 10; i++) await h.sql('select pgmq.read($1, 0, 1)', [task.queue])
    const worker = createWorker({ client: h.client, tasks: { task }, handlers: { task: () => 1 } })
    const events = record(worker)
    await worker.start()
    await until('success', () => events.succeeded.length)
    await worker.stop()
    expect(events.crashed[0]?.crashes).toBe(10)
    // It ran alone, under a lease taken for that, and the record of it went with its end.
    expect((await rows(h, `a_${task.queue}`))[0]).toMatchObject({ read_ct: 12, headers: { 'x-job-alone': 0 } })
  })

  it('that are stopped past their lease and continued cannot acknowledge, and say so', async () => {
    const task = job()
    const { id } = await h.client.enqueue(task, { n: 1, hold: 500 })
    const first = start(task.queue, { visibilitySeconds: 1 })
    await until('running', () => first.count('started'))
    first.signal('SIGSTOP')
    const second = start(task.queue, { visibilitySeconds: 1 })
    await until('done by the second', () => second.count('succeeded'))
    first.signal('SIGCONT')
    await until('lost by the first', () => first.count('leaseLost'))
    expect(first.events.find(({ event }) => event === 'leaseLost')?.id).toBe(id)
    expect(first.count('succeeded')).toBe(0)
    expect(await places(h, task.queue)).toEqual({ queue: 0, archive: 1, dlq: 0 })
  }, 60_000)

  it('that are killed under load lose nothing, and do nothing twice in the archive', async () => {
    const task = job()
    await h.client.enqueueMany(
      task,
      Array.from({ length: 3_000 }, (_, n) => ({ n })),
    )
    for (let round = 1; round <= 3; round++) {
      const program = start(task.queue, { visibilitySeconds: 1, concurrency: 8, holdMs: 2 })
      await until('some done', () => program.count('succeeded') > 100)
      await program.kill()
    }
    start(task.queue, { visibilitySeconds: 1, concurrency: 16 })
    await until('all archived', async () => (await places(h, task.queue)).archive === 3_000, 60_000)
    expect(await places(h, task.queue)).toEqual({ queue: 0, archive: 3_000, dlq: 0 })
  }, 90_000)

  it('end within the grace at SIGTERM, and leave nothing leased', async () => {
    const task = job()
    await h.client.enqueueMany(
      task,
      Array.from({ length: 200 }, (_, n) => ({ n, hold: 100 })),
    )
    const program = start(task.queue, { visibilitySeconds: 30, concurrency: 4 })
    await until('some done', () => program.count('succeeded') > 8)
    program.signal('SIGTERM')
    await program.exited
    expect(program.count('stopped')).toBe(1)
    const left = await rows(h, `q_${task.queue}`)
    expect(left.length).toBeGreaterThan(0)
    expect(left.every(({ vt, last_read_at }) => vt.getTime() <= Date.now() && last_read_at === null)).toBe(true)
    expect((await places(h, task.queue)).archive).toBe(200 - left.length)
  })
})
