// A user's module that exports the result of every kind of call, without writing a type: the compiler must be able to
// name each of them through the one package that the user installed.
import {
  createClient,
  createWorker,
  defineTask,
  type HandlerContext,
  isPgmqError,
  messageRef,
  PermanentError,
  RetryAfterError,
  SnoozeError,
  unchecked,
} from '@pgmq/node-pg'
import { Pool } from 'pg'
import { z } from 'zod'

export const clientOfUrl = createClient('postgres://localhost/app')
export const clientOfPool = createClient(new Pool())
export const client = createClient('postgres://localhost/app', { retry: { maxRetries: 1 }, queuePrefix: 'app' })

export const sendMail = defineTask({
  name: 'send_mail',
  queue: 'mails',
  input: z.object({ to: z.string() }),
  output: z.object({ mails: z.number() }),
})
export const ping = defineTask({ name: 'ping', queue: 'pings', input: unchecked<{ at: string }>() })

export const enqueue = () => client.enqueue(sendMail, { to: 'ada@example.com' })
export const enqueueByName = () => client.enqueue('mails', { task: 'send_mail' })
export const enqueueMany = () => client.enqueueMany(sendMail, [{ to: 'ada@example.com' }])
export const enqueueStream = () => client.enqueueStream(sendMail, [{ to: 'ada@example.com' }])
export const inside = (tx: Parameters<typeof client.with>[0]) => client.with(tx)
export const dequeue = () => client.dequeue('mails')
export const dequeueMany = () => client.dequeueMany('mails', { limit: 5 })
export const archiveMany = () => client.archiveMany([messageRef(sendMail, '1')])
export const process = async () => {
  const message = await client.dequeue('mails')
  return message && client.processWithRetry(message, (body, context) => ({ body, context }))
}
export const peek = () => client.queues.peek('mails')
export const archived = () => client.queues.archived('mails')
export const metrics = () => client.queues.metrics('mails')
export const listQueues = () => client.queues.list()
export const listLetters = () => client.deadLetters.list('mails', { reason: 'permanent' })
export const redrive = () =>
  client.deadLetters.redrive('mails', {}, { edit: (body, letter) => ({ body, id: letter.id }) })

export const handlers = {
  sendMail: async (input: { to: string }, context: HandlerContext) => ({ mails: input.to.length + context.attempt }),
  ping: () => undefined,
}
export const worker = createWorker({ client, tasks: { sendMail, ping }, handlers })
export const drain = () => worker.drain()
export const health = () => worker.health()
export const on = worker.on('deadLettered', (event) => event.reason)
export const onConnection = worker.on('connection', ({ up, error }) => [up, error?.code])

export const errors = [
  new PermanentError('no'),
  new RetryAfterError('no', { delaySeconds: 1 }),
  new SnoozeError('no', { runAt: new Date() }),
]
export const told = (error: unknown) => (isPgmqError(error, 'INPUT_INVALID') ? error.details : null)
export const anyError = (error: unknown) => (isPgmqError(error) ? error : null)
export const ref = messageRef(sendMail, '1')
