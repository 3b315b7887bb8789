import { readFileSync } from 'node:fs'
import { createClient } from '@pgmq/node-pg'
import { countOf, describeDatabase, query, until, useTestDatabase } from '@pgmq/test-database'
import { beforeEach, expect, it } from 'vitest'
import { celeryMessage } from '../src/celery/message.js'
import { type Program, startBridge } from './support/processes.js'

const welcome = (n: number) =>
  celeryMessage({ queue: 'celery', task: 'app.tasks.send_welcome_email', args: [`user${n}@example.com`, 'Ada'] })

const IN_TRANSACTION = `select count(*) n from pg_stat_activity
  where datname = current_database() and application_name = 'pgmq-celery-bridge' and xact_start is not null`

describeDatabase('the program', () => {
  const database = useTestDatabase()
  const send = async (from: number, count: number): Promise<void> => {
    const client = createClient(database.url)
    await client.enqueueMany(
      'celery',
      Array.from({ length: count }, (_, i) => welcome(from + i)),
    )
    await client.close()
  }
  const jobs = () => countOf(database.url, 'pgmq.q_user_tasks')
  const waiting = () => countOf(database.url, 'pgmq.q_celery')

  beforeEach(async () => {
    const client = createClient(database.url)
    for (const queue of ['celery', 'user_tasks']) {
      await client.queues.create(queue)
      await client.queues.purge(queue)
    }
    await client.close()
  })

  it('ends in order when it is told to stop', async () => {
    const bridge = startBridge(database.url)
    await bridge.says('looks for jobs in celery')
    await send(0, 3)
    await until('they are moved', async () => (await jobs()) === 3)
    bridge.process.kill('SIGTERM')
    expect(await bridge.ended).toBe(0)
    expect(bridge.output()).toContain('stopped: 3 jobs moved')
  })

  it('goes on when its connections are cut', async () => {
    const bridge = startBridge(database.url, ['--batch', '5', '--poll', '10'])
    await bridge.says('looks for jobs in celery')
    await send(0, 500)
    await until('some are moved', async () => (await jobs()) > 0)
    await query(
      database.url,
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name = 'pgmq-celery-bridge'`,
    )
    await until('all are moved', async () => (await waiting()) === 0)
    bridge.process.kill('SIGTERM')
    expect(await bridge.ended).toBe(0)
    expect(bridge.output()).toContain('could not move jobs, and tries again')
    expect(await jobs()).toBe(500)
  })

  it('loses and doubles nothing when it is killed in the midst of its transactions', async () => {
    let sent = 0
    let killedWithin = 0
    while (killedWithin < 5) {
      await send(sent, 300)
      sent += 300
      const before = await jobs()
      const bridge = startBridge(database.url, ['--batch', '40', '--poll', '10'])
      await until('it has begun', async () => (await jobs()) > before)
      // Frozen first, so that what it is in the midst of can be seen.
      bridge.process.kill('SIGSTOP')
      const [row] = await query(database.url, IN_TRANSACTION)
      killedWithin += Number(row?.n)
      await killed(bridge)
    }
    const last = startBridge(database.url)
    await until('all are moved', async () => (await waiting()) === 0)
    last.process.kill('SIGTERM')
    expect(await last.ended).toBe(0)
    const [moved] = await query(
      database.url,
      `select count(*) jobs, count(distinct message->>'email') emails, count(distinct headers->>'celery-id') ids
       from pgmq.q_user_tasks`,
    )
    expect(moved).toEqual({ jobs: String(sent), emails: String(sent), ids: String(sent) })
    console.log(`${sent} jobs, ${killedWithin} kills within a transaction`)
  }, 240_000)

  async function killed(bridge: Program): Promise<void> {
    bridge.process.kill('SIGKILL')
    expect(await bridge.ended).toBe('SIGKILL')
  }

  it.each([
    [[], {}, 'DATABASE_URL is none'],
    [['--batch', '0'], {}, 'Give a whole number from 1 to 1000'],
    [['--once'], { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' }, 'cannot use the database: '],
  ])('says what is wrong with %j %j', async (args, env: { DATABASE_URL?: string }, text) => {
    const bridge = startBridge(env.DATABASE_URL ?? '', args)
    expect(await bridge.ended).toBe(1)
    expect(bridge.output()).toContain(text)
  })

  it('has every option of its help in its README', async () => {
    const bridge = startBridge(database.url, ['--help'])
    expect(await bridge.ended).toBe(0)
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
    const optionsOf = (text: string, lines: RegExp) => [...text.matchAll(lines)].map(([, option]) => option)
    expect(optionsOf(readme, /^\| `(--[a-z-]+)`/gm)).toEqual(optionsOf(bridge.output(), /^ {2}(--[a-z-]+)/gm))
  })
})
