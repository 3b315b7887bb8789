import { createWorker, defineTask, type Logger, PermanentError, unchecked } from '@pgmq/core'
import { expect, it } from 'vitest'
import { describeSuite } from './support/harness.js'
import { record } from './support/recorder.js'
import { until } from './support/until.js'

describeSuite('the log', (h) => {
  function recorder(): { lines: string[]; fields: object[]; logger: Logger } {
    const lines: string[] = []
    const fields: object[] = []
    const at = (level: string) => (given: object, message: string) => {
      fields.push(given)
      lines.push(`${level}: ${message}`)
    }
    return { lines, fields, logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } }
  }

  it('keeps the wordings that people grep for', async () => {
    const { lines, fields, logger } = recorder()
    const client = h.clientWith({ logger, retry: { backoff: () => 0 } })
    const task = defineTask({ name: 'mail', queue: 'user_tasks', input: unchecked<object>() })
    const { id } = await client.enqueue(task, {})
    const fail = (): never => {
      throw new Error('Connection timeout')
    }
    const worker = createWorker({ client, tasks: { task }, handlers: { task: fail } })
    const events = record(worker)
    await worker.start()
    await until('dead letter', () => events.deadLettered.length)
    await worker.stop()

    expect(lines).toEqual(
      expect.arrayContaining([
        `info: Enqueued message ${id} to queue 'user_tasks'`,
        `warn: Message ${id} failed, retrying (attempt 2/3)`,
        `error: Message ${id} failed after 3 retries: Connection timeout`,
      ]),
    )
    expect(fields).toContainEqual(expect.objectContaining({ queue: 'user_tasks', id, task: 'mail', attempt: 4 }))
  })

  it("tells a handler's own lines by its message", async () => {
    const { fields, logger } = recorder()
    const client = h.clientWith({ logger })
    const task = defineTask({ name: 'mail', queue: h.queue(), input: unchecked<object>() })
    const { id } = await client.enqueue(task, {})
    const worker = createWorker({
      client,
      tasks: { task },
      handlers: {
        task: (_input, { log }) => log.info({ to: 'ada' }, 'sent'),
      },
    })
    await worker.drain()
    expect(fields).toContainEqual({ queue: task.queue, id, task: 'mail', attempt: 1, to: 'ada' })
  })

  it('says what a listener threw, and goes on', async () => {
    const { lines, logger } = recorder()
    const client = h.clientWith({ logger })
    const task = defineTask({ name: 'mail', queue: h.queue(), input: unchecked<object>() })
    await client.enqueue(task, {})
    const worker = createWorker({
      client,
      tasks: { task },
      handlers: {
        task: () => {
          throw new PermanentError('no')
        },
      },
    })
    worker.on('deadLettered', () => {
      throw new Error('listener')
    })
    expect(await worker.drain()).toMatchObject({ deadLettered: 1 })
    expect(lines).toContain('error: a listener of the worker\'s "deadLettered" threw: listener')
  })
})
