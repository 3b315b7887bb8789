import { isPgmqError, type PgmqError } from '../errors.js'
import { DEFAULTS } from '../options.js'
import { deadLetterName, isDeadLetterQueue, type QueueName } from '../queue-name.js'
import { type Doing, extensionMissing, permissionDenied, queueNotFound, Session } from '../session.js'
import { INSUFFICIENT_PRIVILEGE } from '../sql-state.js'
import { currentRole } from '../statements/catalog.js'
import { createQueue } from '../statements/queues.js'
import type { ClientContext } from './context.js'

const creating: Doing = { verb: 'create the queue', grants: 'grant create on schema pgmq to {q}' }

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
  if (context.pooled) return await create(context.session, queue, options, creating)
  const { driver, knowledge } = context.shared
  if (driver.executor.scope !== 'pool') return await create(context.session, queue, options, creating)
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
  const doing: Doing = { ...creating, query: { timeoutMs: DEFAULTS.createBesideMs } }
  try {
    await withSession((session) => create(session, queue, options, doing))
  } catch (error) {
    if (!isPgmqError(error, 'OUTCOME_UNKNOWN') && !isPgmqError(error, 'CONNECTION_LOST')) throw error
    const remedy = `It could not be created beside your transaction within ${DEFAULTS.createBesideMs / 1000} s. Create it before: await client.queues.create(${JSON.stringify(queue.logical)})`
    throw queueNotFound(queue, { verb: 'enqueue', grants: '' }, remedy, error)
  }
  await context.session.inspect(queue, creating)
}

async function create(session: Session, queue: QueueName, options: MakeQueueOptions, doing: Doing): Promise<void> {
  const before = await session.inspect(queue, doing)
  if (!before.installed) throw extensionMissing(before.database)
  // The dead-letter queue first: where there is a queue, there is a place for what fails in it.
  if (!before.deadLetterQueue && !isDeadLetterQueue(queue.physical))
    await createOne(session, deadLetterOf(queue), false, doing)
  if (!before.queue) await createOne(session, queue, options.unlogged ?? false, doing)
  await session.inspect(queue, doing)
}

function deadLetterOf(queue: QueueName): QueueName {
  return { logical: deadLetterName(queue.logical), physical: deadLetterName(queue.physical) }
}

async function createOne(session: Session, queue: QueueName, unlogged: boolean, doing: Doing): Promise<void> {
  try {
    await session.query(createQueue(queue.physical, unlogged), { ...doing, verb: `create queue "${queue.logical}"` })
  } catch (error) {
    if (isDenied(error)) {
      const role = session.executor.scope === 'pool' ? await session.query(currentRole(), doing) : 'your_role'
      const grant = `grant usage, create on schema pgmq to ${role}; grant insert on pgmq.meta to ${role};`
      throw permissionDenied(role, grant, { ...doing, verb: `create queue "${queue.logical}"` }, error)
    }
    // Before pgmq 1.6 two creators could collide. What counts is that it is there now.
    if (session.executor.scope !== 'pool' || !(await session.inspect(queue, doing)).queue) throw error
  }
}

function isDenied(error: unknown): error is PgmqError {
  return isPgmqError(error, 'QUERY_FAILED') && error.details.sqlState === INSUFFICIENT_PRIVILEGE
}
