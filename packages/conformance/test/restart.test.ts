import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { startPostgres } from '@pgmq/embedded'
import { createClient, createWorker, defineTask, unchecked } from '@pgmq/node-pg'
import { describeDatabase } from '@pgmq/test-database'
import pg from 'pg'
import { expect, it } from 'vitest'
import { record } from './support/recorder.js'
import { until } from './support/until.js'

describeDatabase('a worker whose PostgreSQL stops and starts again', () => {
  it.each([
    { mode: 'fast', onDisk: true },
    { mode: 'immediate', onDisk: true },
    { mode: 'immediate', onDisk: false },
  ] as const)(
    'keeps what its handlers finished meanwhile, and goes on by itself ($mode, leases on disk: $onDisk)',
    async ({ mode, onDisk }) => {
      const folder = await mkdtemp(path.join(tmpdir(), 'pgmq-restart-'))
      // The server may run as another user.
      await chmod(folder, 0o755)
      const dataDir = path.join(folder, 'data')
      // Nothing goes to disk by itself but what its commit waits for.
      const settings = { wal_writer_delay: '10s' }
      let server = await startPostgres({ dataDir, settings })
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
        const starts = onDisk ? 8 : 16
        if (onDisk) await checkpoint(url)
        await server.stop({ mode })
        await until('the loss', () => !worker.health().connected)
        open()
        expect(worker.health()).toMatchObject({ state: 'running', ready: false })

        server = await startPostgres({ dataDir, port, settings })
        await until('the settled', () => events.succeeded.length === 8)
        expect(new Set(events.succeeded.map(({ message }) => message.id)).size).toBe(8)
        expect({ starts: events.started.length, lost: events.leaseLost.length }).toEqual({ starts, lost: starts - 8 })
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

async function checkpoint(url: string): Promise<void> {
  const session = new pg.Client(url)
  await session.connect()
  await session.query('checkpoint')
  await session.end()
}
