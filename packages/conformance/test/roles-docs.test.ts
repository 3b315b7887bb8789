import { createWorker, defineTask, PermanentError, RetryAfterError, SnoozeError, unchecked } from '@pgmq/node-pg'
import { beforeAll, expect, it } from 'vitest'
import { describeSuite } from './support/harness.js'
import { places } from './support/look.js'
import { readPage } from './support/pages.js'
import { refusal } from './support/refusal.js'
import { type Right, type Role, useRoles } from './support/roles.js'

const task = defineTask({
  name: 'end',
  queue: 'user_tasks',
  input: unchecked<{ by: Ending }>(),
  retry: { maxRetries: 1 },
})
const ENDINGS = ['success', 'transaction', 'failure', 'later', 'snooze'] as const
type Ending = (typeof ENDINGS)[number]
/** What it is for, a test would have to cut a connection at the right moment to see. */
const UNSEEN: readonly Right[] = [{ privilege: 'select', on: 'pgmq.q_user_tasks_dlq' }]

describeSuite('docs/security.md', (h) => {
  const { role, statements } = useRoles(h)
  beforeAll(() => h.client.queues.create('user_tasks'))
  const empty = async (): Promise<void> => {
    await h.sql('truncate pgmq.q_user_tasks, pgmq.a_user_tasks, pgmq.q_user_tasks_dlq')
  }
  /** Without any one of its rights a role cannot do its work. */
  async function needsEach({ rights, grant, revoke }: Role, work: () => Promise<unknown>): Promise<void> {
    expect(rights.length).toBeGreaterThan(0)
    await work()
    for (const right of rights) {
      if (UNSEEN.some(({ privilege, on }) => privilege === right.privilege && on === right.on)) continue
      await revoke(right)
      const done = await work().then(
        () => true,
        () => false,
      )
      expect({ ...right, done }).toEqual({ ...right, done: false })
      await grant(right)
    }
    await work()
  }

  it('the owner creates queues, and drops them with one right more', async () => {
    const owner = await role('owner', 'owner')
    const creating = h.clientWith({}, owner.pool)
    await needsEach(owner, async () => {
      const queue = h.queue()
      await creating.queues.create(queue)
      await creating.enqueue(queue, {})
      expect((await creating.queues.list()).map(({ name }) => name)).toContain(queue)
    })
    const queue = h.queue()
    await creating.queues.create(queue)
    await refusal(creating.queues.drop(queue), 'PERMISSION_DENIED')
    await h.sql(statements('owner who drops'))
    expect(await creating.queues.drop(queue)).toBe(true)
  })

  it('the producer enqueues, and reads nothing', async () => {
    const producer = await role('producer', 'producer')
    const { client, pool } = producer
    await needsEach(producer, async () => {
      await client.enqueue(task, { by: 'success' })
      await client.enqueueMany(task, [{ by: 'success' }], { delaySeconds: 60, headers: { tenant: 'acme' } })
      const tx = await pool.connect()
      await tx.query('begin')
      await client
        .with(tx)
        .enqueue(task, { by: 'success' })
        .finally(() => tx.query('rollback').then(() => tx.release()))
    })
    await refusal(client.dequeue('user_tasks'), 'PERMISSION_DENIED')
    await refusal(client.queues.peek('user_tasks'), 'PERMISSION_DENIED')
    await expect(pool.query('select message from pgmq.q_user_tasks')).rejects.toThrow('permission denied')
  })

  it('the worker ends jobs in every way', async () => {
    const worker = await role('worker', 'worker')
    await needsEach(worker, async () => {
      await empty()
      await endAll(worker)
      expect(await places(h, 'user_tasks')).toEqual({ queue: 2, archive: 2, dlq: 1 })
    })
  })

  /** As the role: a job for each way to end, and what became of it. */
  async function endAll({ client, pool }: Role): Promise<void> {
    await h.client.enqueueMany(
      task,
      ENDINGS.map((by) => ({ by })),
    )
    const worker = createWorker({
      client,
      tasks: { task },
      graceSeconds: 0.5,
      handlers: {
        async task({ by }, { completeWith }) {
          if (by === 'failure') throw new PermanentError('no')
          if (by === 'later') throw new RetryAfterError('later', { delaySeconds: 60 })
          if (by === 'snooze') throw new SnoozeError('later', { delaySeconds: 60 })
          if (by === 'success') return
          const tx = await pool.connect()
          try {
            await tx.query('begin')
            await completeWith(tx)
            await tx.query('commit')
          } finally {
            await tx.query('rollback')
            tx.release()
          }
        },
      },
    })
    const ended = { succeeded: 2, retried: 1, snoozed: 1, deadLettered: 1, lost: 0 }
    expect(await worker.drain({ maxMs: 2_000 })).toMatchObject(ended)
  }

  it('the worker prunes the archive with one right more', async () => {
    expect(statements('worker that prunes')).toMatch(/^grant delete on pgmq\.a_user_tasks to \w+_worker;\n$/)
    await h.sql(statements('worker that prunes'))
  })

  it('the operator redrives, purges and archives', async () => {
    const operator = await role('operator', 'operator')
    const { client } = operator
    const rejecting = createWorker({
      client: h.client,
      tasks: { task },
      handlers: { task: () => Promise.reject(new PermanentError('no')) },
    })
    await needsEach(operator, async () => {
      await empty()
      await h.client.enqueueMany(task, [{ by: 'success' }, { by: 'success' }])
      await rejecting.drain()
      const { items } = await client.deadLetters.list('user_tasks')
      expect(await client.deadLetters.redrive('user_tasks', { ids: [items[0]?.id ?? ''] })).toEqual({ redriven: 1 })
      expect(await client.deadLetters.purge('user_tasks', {})).toBe(1)
      const { items: waiting } = await client.queues.peek('user_tasks')
      expect(await client.archive({ queue: 'user_tasks', id: waiting[0]?.id ?? '' })).toBe(true)
      expect((await client.queues.archived('user_tasks')).items).toHaveLength(1)
      await h.client.enqueue(task, { by: 'success' })
      expect(await client.queues.purge('user_tasks')).toBe(1)
    })
  })

  it('the monitor runs each query of docs/monitoring.md, and changes nothing', async () => {
    const monitor = await role('monitor', 'monitor')
    const queries = readPage('docs/monitoring.md').blocks.filter(({ language }) => language === 'sql')
    await needsEach(monitor, async () => {
      for (const { code } of queries) await monitor.pool.query(code)
    })
    await refusal(monitor.client.enqueue('user_tasks', {}), 'PERMISSION_DENIED')
    await refusal(monitor.client.dequeue('user_tasks'), 'PERMISSION_DENIED')
  })

  it('a worker and a producer work behind policies that are theirs', async () => {
    await h.sql(statements('policies'))
    const [asWorker, asProducer] = ['worker', 'producer'].map((name) => {
      const url = new URL(h.url)
      url.username = `${url.pathname.slice(1)}_${name}`
      return h.clientWith({ createQueues: false }, h.poolWith({ connectionString: url.href }))
    })
    await empty()
    await asProducer?.enqueue(task, { by: 'success' })
    const worker = createWorker({ client: asWorker ?? h.client, tasks: { task }, handlers: { task: () => undefined } })
    expect(await worker.drain()).toMatchObject({ succeeded: 1 })
    await h.sql(`drop policy worker_sees_all on pgmq.q_user_tasks`)
    await asProducer?.enqueue(task, { by: 'success' })
    expect(await worker.drain()).toMatchObject({ succeeded: 0 })
  })
})
