import { readFileSync } from 'node:fs'
import { makeWorkerUtils } from 'graphile-worker'
import { PgBoss } from 'pg-boss'
import { expect, it } from 'vitest'
import { describeSuite } from './support/harness.js'

const PAGE = readFileSync(new URL('../../../docs/migrating.md', import.meta.url), 'utf8')
const statements = new Map(
  [...PAGE.matchAll(/^```sql title="(.+)"\n([\s\S]*?)^```/gm)].map(([, title = '', text = '']) => [title, text]),
)

describeSuite('docs/migrating.md', (h) => {
  const ada = { email: 'ada@example.com', username: 'Ada' }
  const body = { ...ada, task: 'send_welcome_email' }
  const run = (title: string) => h.sql(statements.get(title) as string)
  const jobs = () =>
    h.sql<{ message: object; later: boolean }>(
      'select message, vt > now() later from pgmq.q_user_tasks order by msg_id',
    )
  const empty = async (): Promise<void> => {
    await h.client.queues.create('user_tasks')
    await h.client.queues.purge('user_tasks')
  }

  it('moves what waits in pg-boss, and leaves what runs', async () => {
    await empty()
    const boss = new PgBoss({ connectionString: h.url, schedule: false })
    boss.on('error', () => undefined)
    await boss.start()
    try {
      await boss.createQueue('send-welcome-email')
      await boss.send('send-welcome-email', { ...ada, username: 'runs' })
      expect(await boss.fetch('send-welcome-email')).toHaveLength(1)
      await boss.send('send-welcome-email', ada)
      await boss.send('send-welcome-email', ada, { startAfter: 3600 })
      await run('from-pg-boss.sql')
      expect(await jobs()).toEqual([
        { message: body, later: false },
        { message: body, later: true },
      ])
      expect(await h.sql('select state::text from pgboss.job')).toEqual([{ state: 'active' }])
    } finally {
      await boss.stop({ graceful: false })
    }
  })

  it('moves what waits in graphile-worker, and leaves what runs', async () => {
    await empty()
    const tools = await makeWorkerUtils({ connectionString: h.url })
    try {
      await tools.migrate()
      await tools.addJob('sendWelcomeEmail', { ...ada, username: 'runs' })
      await h.sql(`update graphile_worker._private_jobs set locked_at = now(), locked_by = 'a worker'`)
      await tools.addJob('sendWelcomeEmail', ada)
      await tools.addJob('sendWelcomeEmail', ada, { runAt: new Date(Date.now() + 3_600_000) })
      await tools.addJob('another', ada)
      await run('from-graphile-worker.sql')
      expect(await jobs()).toEqual([
        { message: body, later: false },
        { message: body, later: true },
      ])
      expect(await h.sql('select task_identifier, locked_by from graphile_worker.jobs order by id')).toEqual([
        { task_identifier: 'sendWelcomeEmail', locked_by: 'a worker' },
        { task_identifier: 'another', locked_by: null },
      ])
    } finally {
      await tools.release()
    }
  })

  it('names the task of messages that do not', async () => {
    await empty()
    await h.sql(`select pgmq.send('user_tasks', $1::jsonb)`, [JSON.stringify(ada)])
    await h.sql(`select pgmq.send('user_tasks', '{"task": "other"}')`)
    await run('add-task.sql')
    expect((await jobs()).map(({ message }) => message)).toEqual([body, { task: 'other' }])
  })

  it('has a statement for each of these', () => {
    expect([...statements.keys()]).toEqual(['from-pg-boss.sql', 'from-graphile-worker.sql', 'add-task.sql'])
  })
})
