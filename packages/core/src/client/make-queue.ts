import type { Driver, ReservedConnection } from '../driver.js'
import { isPgmqError } from '../errors.js'
import { DEFAULTS } from '../options.js'
import { deadLetterQueue, isDeadLetterQueue, type QueueName } from '../queue-name.js'
import { type Doing, extensionMissing, queueNotFound, Session } from '../session.js'
import { fromDriver } from '../sql-state.js'
import { createQueue } from '../statements/queues.js'
import type { ClientContext } from './context.js'
import { tuneNew } from './table-care.js'

export interface MakeQueueOptions {
  readonly unlogged?: boolean
  /** What the caller is about, for errors. @defaultValue create the queue */
  readonly verb?: string
}

/**
 * Creates a queue and its dead-letter queue where they are missing. Looks before it creates: to run `pgmq.create` on a
 * queue that is there would lock out its senders. A caller's connection is left alone where there is another.
 */
export async function makeQueue(
  context: ClientContext,
  queue: QueueName,
  { unlogged = false, verb = `create queue "${queue.logical}"` }: MakeQueueOptions = {},
): Promise<void> {
  const doing: Doing = { verb, grants: 'grant create on schema pgmq; grant select, insert on pgmq.meta' }
  const beside = !context.pooled && context.shared.driver.executor.scope === 'pool'
  if (!beside) return await create(context, context.session, queue, unlogged, doing)
  try {
    await createBeside(context, queue, unlogged, doing)
  } catch (error) {
    if (!isPgmqError(error, 'OUTCOME_UNKNOWN') && !isPgmqError(error, 'CONNECTION_LOST')) throw error
    const remedy = `It could not be created beside your transaction within ${DEFAULTS.createBesideMs / 1000} s. Before that begins: await client.queues.create(${JSON.stringify(queue.logical)})`
    throw queueNotFound(queue, doing, remedy, error)
  }
  await context.session.inspect(queue, doing)
}

/** A queue that a transaction needs now is created outside it; not to wait for ever on a lock that it may hold itself. */
async function createBeside(context: ClientContext, queue: QueueName, unlogged: boolean, doing: Doing): Promise<void> {
  const { driver, knowledge } = context.shared
  const reserved = await reserve(driver, doing)
  try {
    const session = new Session(reserved?.executor ?? driver.executor, knowledge)
    await create(context, session, queue, unlogged, { ...doing, query: { timeoutMs: DEFAULTS.createBesideMs } })
  } finally {
    await reserved?.release()
  }
}

/** A connection that comes too late is let go. */
async function reserve(driver: Driver, { verb }: Doing): Promise<ReservedConnection | undefined> {
  const reserving = driver.reserve?.()
  let timer: unknown
  const late = new Promise<never>((_resolve, reject) => {
    const error = Object.assign(new Error('no connection in time'), { sent: false })
    timer = setTimeout(() => reject(error), DEFAULTS.createBesideMs)
  })
  try {
    return await Promise.race([reserving, late])
  } catch (error) {
    reserving?.then(
      (connection) => connection.release(),
      () => undefined,
    )
    throw fromDriver(error, verb)
  } finally {
    clearTimeout(timer)
  }
}

async function create(
  { shared }: ClientContext,
  session: Session,
  queue: QueueName,
  unlogged: boolean,
  doing: Doing,
): Promise<void> {
  const { tuneQueues, logger } = shared.options
  const one = async (name: QueueName, asUnlogged: boolean): Promise<void> => {
    await createOne(session, name, asUnlogged, doing)
    if (tuneQueues) await tuneNew(session, name, doing, logger)
  }
  const before = await session.inspect(queue, doing)
  if (!before.installed) throw extensionMissing(before.database)
  // The dead-letter queue first: where there is a queue, there is a place for what fails in it.
  if (!before.deadLetterQueue && !isDeadLetterQueue(queue.physical)) await one(deadLetterQueue(queue), false)
  if (!before.queue) await one(queue, unlogged)
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
