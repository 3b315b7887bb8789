import {
  createWorker,
  defineTask,
  type Message,
  PermanentError,
  RetryAfterError,
  unchecked,
  type Worker,
} from '@pgmq/node-pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { begin } from './support/connection.js'
import { describeSuite } from './support/harness.js'
import { readPage, titled } from './support/pages.js'

const PAGE = readPage('docs/monitoring.md')
const task = defineTask({ name: 'send', queue: 'user_tasks', input: unchecked<{ to: string }>() })

describeSuite('docs/monitoring.md tells', (h) => {
  let worker: Worker
  let killed: Message
  const answer = async (title: string): Promise<Record<string, unknown>[]> => {
    const statements = titled(PAGE, title)
      .code.split(/;\n/)
      .filter((text) => text.trim() !== '')
    return (await Promise.all(statements.map((text) => h.sql(text)))).flat()
  }

  beforeAll(async () => {
    await h.client.enqueueMany(task, [{ to: 'ada' }, { to: 'refused' }, { to: 'busy' }])
    worker = createWorker({
      client: h.client,
      tasks: { task },
      handlers: {
        task: ({ to }) => {
          if (to === 'refused') throw new PermanentError('550')
          if (to === 'busy') throw new RetryAfterError('421', { delaySeconds: 3600 })
        },
      },
    })
    await worker.drain()
    await h.client.enqueue(task, { to: 'the killed one' })
    killed = (await h.client.dequeue('user_tasks')) as Message
    await h.sql('update pgmq.q_user_tasks set vt = clock_timestamp() where msg_id = $1', [killed.id])
    killed = (await h.client.dequeue('user_tasks')) as Message
    await h.client.enqueue(task, { to: 'later' }, { delaySeconds: 3600 })
    await h.client.enqueueMany(task, [{ to: 'a' }, { to: 'b' }])
    await h.sql(`update pgmq.q_user_tasks set vt = vt - interval '90 seconds' where message->>'to' = 'b'`)
  })
  afterAll(() => worker?.stop())

  it('what is due, runs, comes later and has failed before', async () => {
    expect(await answer('states')).toEqual([{ due: '2', running: '1', later: '2', failed_before: '1' }])
  })

  it('since when the head of the queue is due', async () => {
    const [row] = await answer('oldest')
    expect(row?.oldest_due_seconds).toBeGreaterThanOrEqual(90)
    await h.sql(
      'create table aside as select * from pgmq.q_user_tasks; update pgmq.q_user_tasks set vt = now() + interval $$1 day$$',
    )
    expect(await answer('oldest')).toEqual([{ oldest_due_seconds: 0 }])
    await h.sql(
      'update pgmq.q_user_tasks q set vt = aside.vt from aside where aside.msg_id = q.msg_id; drop table aside',
    )
  })

  it('what was done', async () => {
    const [perMinute, perTask] = await answer('throughput')
    expect(perMinute).toMatchObject({ task: 'send', count: '1' })
    expect(perTask).toMatchObject({ task: 'send', count: '1', p99_seconds: expect.any(Number) })
  })

  it('one job, wherever it is', async () => {
    const text = titled(PAGE, 'one job').code
    const where = async (id: string): Promise<unknown> => (await h.sql(text.replaceAll('42', id)))[0]?.place
    expect([await where('1'), await where('2'), await where('3')]).toEqual(['archive', 'dead letters', 'queue'])
  })

  it('what was given up', async () => {
    expect(await answer('dead letters')).toEqual([{ task: 'send', reason: 'permanent', error: '550', count: '1' }])
  })

  it('whose delivery never ended', async () => {
    expect(await answer('crashes')).toMatchObject([{ msg_id: killed.id, task: 'send', crashes: '1' }])
  })

  it('who works', async () => {
    expect(await answer('workers')).toEqual([])
    await worker.start()
    expect((await answer('workers')).length).toBeGreaterThanOrEqual(2)
    await worker.stop()
  })

  it('which transactions are open for long', async () => {
    const tx = await begin(h, 'begin isolation level repeatable read')
    await tx.query('select 1')
    expect(await answer('open transactions')).toEqual([])
    const text = titled(PAGE, 'open transactions').code.replace("interval '1 minute'", "interval '0'")
    expect((await h.sql(text)).length).toBeGreaterThanOrEqual(1)
  })

  it('how large the tables are, and which queues there are', async () => {
    expect((await answer('tables')).map(({ table }) => table)).toContain('q_user_tasks')
    expect(await answer('all queues')).toContainEqual(expect.objectContaining({ queue_name: 'user_tasks' }))
  })
})
