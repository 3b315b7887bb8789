import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { startPostgres } from '@pgmq/embedded'
import { createClient, createWorker, defineTask, unchecked } from '@pgmq/node-pg'
import { describeDatabase } from '@pgmq/test-database'
import { expect, it } from 'vitest'
import { record } from './support/recorder.js'
import { until } from './support/until.js'

describeDatabase('a worker whose PostgreSQL stops and starts again', () => {
  it.each(['fast', 'immediate'] as const)(
    'keeps what its handlers finished meanwhile, and goes on by itself (%s)',
    async (mode) => {
      const folder = await mkdtemp(path.join(tmpdir(), 'pgmq-restart-'))
      // The server may run as another user.
      await chmod(folder, 0o755)
      const dataDir = path.join(folder, 'data')
      let server = await startPostgres({ dataDir })
      const { port, url } = server
      const client = createClient(url, { visibilitySeconds: 30 })
      const task = defineTask({ name: 'job', queue: 'jobs', input: unchecked<{ n: number }>() })
      let open = (): void => {}
      const gate = new Promise<void>((resolve) => {
        open = resolve
      })
      const worker = createWorker({
        client,
        tasks: { task },
        handlers: { task: ({ n }) => (n < 8 ? gate : undefined) },
      })
      const events = record(worker)
      try {
        await client.enqueueMany(
          task,
          Array.from({ length: 8 }, (_, n) => ({ n })),
        )
        await worker.start()
        await until('all running', () => events.started.length === 8)
        await server.stop({ mode })
        await until('the loss', () => !worker.health().connected)
        open()
        expect(worker.health()).toMatchObject({ state: 'running', ready: false })

        server = await startPostgres({ dataDir, port })
        await until('the settled', () => events.succeeded.length === 8)
        expect(events.leaseLost).toEqual([])
        expect(events.connection.map(({ up }) => up)).toEqual([true, false, true])
        await until('an enqueue that passes', () => client.enqueue(task, { n: 100 }).catch(() => null))
        await until('the next', () => events.succeeded.length === 9)
        expect(worker.health().ready).toBe(true)
      } finally {
        await worker.stop({ graceSeconds: 1 })
        await client.close()
        await server.stop()
        await rm(folder, { recursive: true, force: true })
      }
    },
    60_000,
  )
})
