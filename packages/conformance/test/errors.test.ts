import { createWorker, defineTask, unchecked } from '@pgmq/core'
import { createClient } from '@pgmq/node-pg'
import { afterAll, expect, it } from 'vitest'
import { describeSuite, type Harness } from './support/harness.js'
import { rows } from './support/look.js'
import { record } from './support/recorder.js'
import { until } from './support/until.js'

describeSuite('what stands in the way is said with its remedy:', (h) => {
  const undo: (() => Promise<unknown>)[] = []
  afterAll(async () => {
    for (const step of undo.reverse()) await step()
  })
  const withUrl = (change: (url: URL) => void): string => {
    const url = new URL(h.url)
    change(url)
    return url.href
  }
  async function role(name: string, grants: readonly string[], { sql }: Harness): Promise<string> {
    await sql(`create role "${name}" login`)
    for (const grant of grants) await sql(`grant ${grant} to "${name}"`)
    undo.push(() => sql(`drop owned by "${name}"`).then(() => sql(`drop role "${name}"`)))
    return withUrl((url) => {
      url.username = name
    })
  }

  it('a database without pgmq', async () => {
    const name = `${new URL(h.url).pathname.slice(1)}_bare`
    await h.sql(`create database "${name}" template template0`)
    undo.unshift(() => h.sql(`drop database "${name}" with (force)`))
    const client = createClient(withUrl((url) => (url.pathname = `/${name}`)))
    await expect(client.enqueue('user_tasks', { n: 1 })).rejects.toMatchObject({
      code: 'EXTENSION_MISSING',
      details: { database: name },
      message: expect.stringContaining('CREATE EXTENSION pgmq'),
    })
    await client.close()
  })

  it('a role that may not create, enqueue or read', async () => {
    const queue = h.queue()
    await h.client.queues.create(queue)
    const name = `few_${new URL(h.url).pathname.slice(1)}`.slice(0, 60)
    const client = createClient(await role(name, ['usage on schema pgmq'], h))
    const denied = (grant: string) => ({
      code: 'PERMISSION_DENIED',
      details: { grant: expect.stringContaining(grant) },
    })
    await expect(client.enqueue(queue, { n: 1 })).rejects.toMatchObject(
      denied(`grant insert, select on pgmq."q_${queue}" to ${name}`),
    )
    await expect(client.dequeue(queue)).rejects.toMatchObject(denied(`grant select, update on pgmq."q_${queue}"`))
    await expect(client.queues.create('another')).rejects.toMatchObject(denied(`create on schema pgmq to ${name}`))
    await client.close()
  })

  it('a server that is not there', async () => {
    const client = createClient('postgres://app:s3cret@127.0.0.1:1/app')
    const refused = await client.enqueue('user_tasks', { n: 1 }).catch((error: unknown) => error as Error)
    expect(refused).toMatchObject({ code: 'CONNECTION_LOST', retryable: true })
    expect((refused as Error).message).not.toContain('s3cret')
    await client.close()
  })

  it('a connection that broke under an enqueue', async () => {
    const queue = h.queue()
    await h.client.queues.create(queue)
    const client = createClient(withUrl((url) => url.searchParams.set('application_name', 'cut_off')))
    await h.transaction(async (tx) => {
      await tx.query(`lock table pgmq.q_${queue} in access exclusive mode`)
      const enqueued = client.enqueue(queue, { n: 1 }).catch((error: unknown) => error)
      await until(
        'the wait',
        async () =>
          (
            await h.sql(
              `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'cut_off' and wait_event_type = 'Lock'`,
            )
          ).length,
      )
      expect(await enqueued).toMatchObject({ code: 'OUTCOME_UNKNOWN', retryable: false })
    })
    await client.close()
  })

  it('a queue that is not there, or may not be created', async () => {
    await expect(h.client.dequeue('nowhere')).rejects.toMatchObject({
      code: 'QUEUE_NOT_FOUND',
      message: expect.stringContaining('client.queues.create("nowhere")'),
    })
    await expect(h.clientWith({ createQueues: false }).enqueue('nowhere', {})).rejects.toMatchObject({
      code: 'QUEUE_NOT_FOUND',
    })
  })

  it('a client that was closed', async () => {
    const client = createClient(h.url)
    await client.close()
    await expect(client.enqueue('user_tasks', {})).rejects.toMatchObject({ code: 'CLIENT_CLOSED' })
  })

  it('headers on a queue whose tables are of an older pgmq, where everything else works', async () => {
    const queue = h.queue()
    await h.client.queues.create(queue)
    for (const table of [`q_${queue}`, `a_${queue}`])
      await h.sql(`alter table pgmq.${table} drop column headers, drop column last_read_at`)
    const client = h.clientWith({})
    await client.enqueue(queue, { n: 1 })
    await expect(client.enqueue(queue, { n: 1 }, { headers: { a: 1 } })).rejects.toMatchObject({
      code: 'FEATURE_UNSUPPORTED',
      details: { since: '1.5.0' },
    })
    const first = await client.dequeue(queue)
    expect(await client.setVisibility(first as NonNullable<typeof first>, 0)).toBe(true)
    expect(await client.archive(first as NonNullable<typeof first>)).toBe(false)
    const second = await client.dequeue(queue)
    expect(await client.archive(second as NonNullable<typeof second>)).toBe(true)
  })

  it('a dead letter that cannot be written: it waits with its verdict, and health tells', async () => {
    const queue = h.queue()
    const task = defineTask({ name: 'ping', queue, input: unchecked<object>(), retry: { maxRetries: 0 } })
    await h.client.enqueue(task, {})
    await h.sql(`alter table pgmq.q_${queue}_dlq add constraint full_up check (false) not valid`)
    const worker = createWorker({
      client: h.client,
      tasks: { task },
      handlers: { task: () => Promise.reject(new Error('no')) },
      pollIntervalMs: 100,
    })
    const events = record(worker)
    await worker.start()
    await until('parked', () => events.parked.length)
    expect(worker.health()).toMatchObject({ ready: false, unwrittenDeadLetters: 1 })
    expect((await rows(h, `q_${queue}`))[0]?.headers).toMatchObject({
      'x-job-dead': { reason: 'retries_exhausted', error: 'no' },
    })

    await h.sql(`alter table pgmq.q_${queue}_dlq drop constraint full_up`)
    await h.sql(`update pgmq.q_${queue} set vt = now()`)
    await until('dead letter', () => events.deadLettered.length)
    expect(events.started).toHaveLength(1)
    expect(worker.health()).toMatchObject({ ready: true, unwrittenDeadLetters: 0 })
    await worker.stop()
  })
})
