import { readFileSync } from 'node:fs'
import { createClient, createWorker, type JsonObject, type PgmqClient } from '@pgmq/node-pg'
import { countOf, describeDatabase, query, until, useTestDatabase } from '@pgmq/test-database'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { celeryMessage } from '../src/celery/message.js'
import * as tasks from '../src/tasks.js'
import { bridgeOnce, startBridge } from './support/processes.js'
import { type Call, CELERY, python, send, startCeleryWorker } from './support/python.js'

const GUIDE = readFileSync(new URL('../../../docs/migrating-from-celery.md', import.meta.url), 'utf8')
const WELCOME = 'app.tasks.send_welcome_email'
const REPORT = 'app.tasks.build_report'
const RESIZE = 'app.tasks.resize_image'

describe.skipIf(!python)(`with ${CELERY}:`, () => {
  describeDatabase('the bridge', () => {
    const database = useTestDatabase()
    let client: PgmqClient
    const cleanUps: (() => Promise<unknown>)[] = []

    beforeAll(async () => {
      client = createClient(database.url)
      await query(database.url, 'create table ran (task text, args jsonb, kwargs jsonb)')
    })
    afterEach(async () => {
      for (const cleanUp of cleanUps.splice(0)) await cleanUp()
    })
    afterAll(() => client.close())

    const sendTo = (queue: string, ...calls: Call[]): Promise<string[]> => send(database.url, queue, calls)
    const ran = (task: string) =>
      query<{ args: unknown[]; kwargs: object }>(database.url, 'select args, kwargs from ran where task = $1', [task])

    /** Our worker; resolves to what it is given, with Celery's id. */
    async function startWorker(): Promise<{ readonly input: object; readonly celeryId: unknown }[]> {
      const handled: { input: object; celeryId: unknown }[] = []
      const note = (input: object, { message }: { message: { headers: JsonObject } }): void =>
        void handled.push({ input, celeryId: message.headers['celery-id'] })
      const worker = createWorker({ client, tasks, handlers: { sendWelcomeEmail: note, buildReport: note } })
      await worker.start()
      cleanUps.push(() => worker.stop())
      return handled
    }

    it('brings calls to a worker in TypeScript, with their arguments and ids', async () => {
      const ids = await sendTo(
        'celery',
        { task: WELCOME, args: ['ada@example.com', 'Ada'] },
        { task: WELCOME, kwargs: { username: 'Grüße 👋', email: 'b@example.com' } },
        { task: WELCOME, args: ['c@example.com'], kwargs: { username: 'C' }, compression: 'gzip' },
        { task: REPORT, args: [9007199254740991], kwargs: { since: '2026-01-02' } },
        { task: REPORT, args: [7], expires: 3600 },
      )
      await bridgeOnce(database.url)
      const handled = await startWorker()
      await until('all are handled', () => handled.length === 5)
      const inputs = [
        { email: 'ada@example.com', username: 'Ada' },
        { email: 'b@example.com', username: 'Grüße 👋' },
        { email: 'c@example.com', username: 'C' },
        { accountId: 9007199254740991, since: '2026-01-02' },
        { accountId: 7 },
      ]
      expect(handled).toHaveLength(5)
      expect(handled).toEqual(expect.arrayContaining(inputs.map((input, i) => ({ input, celeryId: ids[i] }))))
      expect(await countOf(database.url, 'pgmq.q_celery')).toBe(0)
    })

    it('heeds countdown, eta and expires', async () => {
      const args = ['later@example.com', 'Later']
      await sendTo(
        'timed',
        { task: WELCOME, args, countdown: 3600 },
        { task: WELCOME, args, eta: '2099-01-02T03:04:05.5+00:00' },
        { task: WELCOME, args, expires: -10 },
      )
      const output = await bridgeOnce(database.url, ['--queue', 'timed'])
      expect(output).toContain('expired, and archived')
      const jobs = await query<{ seconds: number; vt: Date }>(
        database.url,
        `select extract(epoch from vt - enqueued_at)::float8 seconds, vt from pgmq.q_user_tasks
         where message->>'email' = 'later@example.com' order by msg_id`,
      )
      expect(jobs).toHaveLength(2)
      expect(jobs[0]?.seconds).toBeGreaterThan(3_400)
      expect(jobs[0]?.seconds).toBeLessThanOrEqual(3_600)
      expect(jobs[1]?.vt).toEqual(new Date('2099-01-02T03:04:05.5Z'))
      expect(await countOf(database.url, 'pgmq.a_timed')).toBe(1)
      await query(database.url, 'truncate pgmq.q_user_tasks')
    })

    it('leaves a chain to the Python worker, which runs all of it', async () => {
      await sendTo('chained', {
        task: WELCOME,
        args: ['chain@example.com', 'Chain'],
        next: { task: RESIZE, args: [1] },
      })
      expect(await bridgeOnce(database.url, ['--queue', 'chained'])).toContain('left to Celery: it carries chain')
      expect(await countOf(database.url, 'pgmq.q_chained')).toBe(1)
      await query(database.url, 'truncate ran')
      const worker = await startCeleryWorker(database.url, 'chained')
      await until('both have run', async () => (await ran('resize_image')).length === 1)
      expect(await ran('send_welcome_email')).toHaveLength(1)
      worker.process.kill('SIGTERM')
      await worker.ended
    })

    it("takes over a task by the guide's line of Celery's settings, and leaves the others in Python", async () => {
      const [, line = ''] = /`task_routes = (\{.+\})`/.exec(GUIDE) ?? []
      const calls = [
        { task: WELCOME, args: ['routed@example.com', 'Routed'] },
        { task: RESIZE, args: [7] },
      ]
      await send(database.url, 'routed', calls, JSON.parse(line) as object)
      expect(await countOf(database.url, 'pgmq.q_routed')).toBe(1)
      await bridgeOnce(database.url, ['--queue', 'to_typescript', '--whole-queue'])
      const handled = await startWorker()
      await until('it is handled', () => handled.length === 1)
      expect(handled).toMatchObject([{ input: { email: 'routed@example.com' } }])
      expect(await countOf(database.url, 'pgmq.q_to_typescript_dlq')).toBe(0)
    })

    it('is to come before the Python function goes: Celery throws away a call that it does not know', async () => {
      await client.enqueue('discards', celeryMessage({ queue: 'discards', task: 'app.tasks.removed' }))
      const worker = await startCeleryWorker(database.url, 'discards')
      await worker.says('Received unregistered task')
      await until('it is gone', async () => (await countOf(database.url, 'pgmq.q_discards')) === 0)
      worker.process.kill('SIGTERM')
      await worker.ended
    })

    it('works beside a Python worker on the same queue: each call runs once, in one of both', async () => {
      await query(database.url, 'truncate ran')
      const handled = await startWorker()
      const pythonWorker = await startCeleryWorker(database.url, 'shared')
      const bridge = startBridge(database.url, ['--queue', 'shared', '--poll', '10'])
      await bridge.says('looks for jobs in shared')
      const numbers = Array.from({ length: 40 }, (_, n) => n)
      await sendTo(
        'shared',
        ...numbers.flatMap((n) => [
          { task: WELCOME, args: [`both${n}@example.com`, 'Both'] },
          { task: RESIZE, args: [n] },
        ]),
      )
      const inPython = async () => (await ran('send_welcome_email')).map(({ args }) => args[0])
      await until('all have run', async () => handled.length + (await inPython()).length >= 40)
      await until('Python has run its own', async () => (await ran('resize_image')).length === 40)
      bridge.process.kill('SIGTERM')
      pythonWorker.process.kill('SIGTERM')
      expect(await bridge.ended).toBe(0)
      await pythonWorker.ended
      const emails = [...handled.map(({ input }) => (input as { email: string }).email), ...(await inPython())]
      expect(emails.sort()).toEqual(numbers.map((n) => `both${n}@example.com`).sort())
      expect(handled.length).toBeGreaterThan(0)
      expect(await countOf(database.url, 'pgmq.q_shared')).toBe(0)
    })

    it('has no part in what plain SQL and TypeScript send to a Python worker, which runs it', async () => {
      await query(database.url, 'truncate ran')
      const worker = await startCeleryWorker(database.url, 'celery')
      const [, statement = ''] = /^```sql title="to-python.sql"\n([\s\S]*?)^```/m.exec(GUIDE) ?? []
      await query(database.url, statement)
      const call = { queue: 'celery', task: RESIZE, args: ['Grüße'], kwargs: { width: 800 } }
      await client.enqueue('celery', celeryMessage(call))
      await client.enqueue('celery', celeryMessage({ ...call, args: ['late'], expires: new Date(0) }))
      await until('both have run, and all are acknowledged', async () => {
        return (await ran('resize_image')).length === 2 && (await countOf(database.url, 'pgmq.q_celery')) === 0
      })
      worker.process.kill('SIGTERM')
      await worker.ended
      expect(await ran('resize_image')).toEqual([
        { args: [42], kwargs: { width: 800 } },
        { args: ['Grüße'], kwargs: { width: 800 } },
      ])
    })
  })
})
