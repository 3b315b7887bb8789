import { isPgmqError } from '../errors.js'
import { DEFAULTS } from '../options.js'
import { deadLetterQueue, isDeadLetterQueue, type QueueName } from '../queue-name.js'
import { type Doing, extensionMissing, queueNotFound, Session } from '../session.js'
import { createQueue } from '../statements/queues.js'
import type { ClientContext } from './context.js'

const creating = ({ logical }: QueueName): Doing => ({
  verb: `create queue "${logical}"`,
  grants: 'grant create on schema pgmq; grant select, insert on pgmq.meta',
})

export interface MakeQueueOptions {
  readonly unlogged?: boolean
}

/**
 * Creates a queue and its dead-letter queue where they are missing. Looks before it creates: to run `pgmq.create` on a
 * queue that is there would lock out its senders. A caller's connection is left alone where there is another.
 */
export async function makeQueue(
  context: ClientContext,
  queue: QueueName,
  options: MakeQueueOptions = {},
): Promise<void> {
  if (context.pooled) return await create(context.session, queue, options, creating(queue))
  const { driver, knowledge } = context.shared
  if (driver.executor.scope !== 'pool') return await create(context.session, queue, options, creating(queue))
  await besideTransaction(context, queue, options, async (run) => {
    const reserved = await driver.reserve?.()
    try {
      await run(new Session(reserved?.executor ?? driver.executor, knowledge))
    } finally {
      await reserved?.release()
    }
  })
}

/** A queue that a transaction needs now is created outside it; not to wait for ever on a lock that it may hold itself. */
async function besideTransaction(
  context: ClientContext,
  queue: QueueName,
  options: MakeQueueOptions,
  withSession: (run: (session: Session) => Promise<void>) => Promise<void>,
): Promise<void> {
  const doing: Doing = { ...creating(queue), query: { timeoutMs: DEFAULTS.createBesideMs } }
  try {
    await withSession((session) => create(session, queue, options, doing))
  } catch (error) {
    if (!isPgmqError(error, 'OUTCOME_UNKNOWN') && !isPgmqError(error, 'CONNECTION_LOST')) throw error
    const remedy = `It could not be created beside your transaction within ${DEFAULTS.createBesideMs / 1000} s. Create it before: await client.queues.create(${JSON.stringify(queue.logical)})`
    throw queueNotFound(queue, { verb: 'enqueue', grants: '' }, remedy, error)
  }
  await context.session.inspect(queue, creating(queue))
}

async function create(session: Session, queue: QueueName, options: MakeQueueOptions, doing: Doing): Promise<void> {
  const before = await session.inspect(queue, doing)
  if (!before.installed) throw extensionMissing(before.database)
  // The dead-letter queue first: where there is a queue, there is a place for what fails in it.
  if (!before.deadLetterQueue && !isDeadLetterQueue(queue.physical))
    await createOne(session, deadLetterQueue(queue), false, doing)
  if (!before.queue) await createOne(session, queue, options.unlogged ?? false, doing)
  await session.inspect(queue, doing)
}

async function createOne(session: Session, queue: QueueName, unlogged: boolean, doing: Doing): Promise<void> {
  try {
    await session.runOn(queue, createQueue(queue.physical, unlogged), doing)
  } catch (error) {
    if (isPgmqError(error, 'PERMISSION_DENIED') || session.executor.scope !== 'pool') throw error
    // Before pgmq 1.6 two creators could collide. What counts is that it is there now.
    if (!(await session.inspect(queue, doing)).queue) throw error
  }
}
