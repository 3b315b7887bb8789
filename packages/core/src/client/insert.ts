import { isPgmqError, pgmqError } from '../errors.js'
import type { QueueName } from '../queue-name.js'
import type { Doing } from '../session.js'
import { type EncodedJob, enqueue, hasHeaders } from '../statements/enqueue.js'
import type { QueueShape, Statement } from '../statements/parts.js'
import { type ClientContext, channelOf } from './context.js'
import { makeQueue } from './make-queue.js'

/**
 * Inserts jobs in one statement, all or none, and resolves to their ids in order. A queue that is missing is created
 * first, unless the client must not.
 */
export async function insert(
  context: ClientContext,
  queue: QueueName,
  jobs: readonly EncodedJob[],
  notify: boolean,
): Promise<readonly string[]> {
  const { options, throttle } = context.shared
  const channel = channelOf(queue)
  // Inside a transaction always: Postgres folds duplicates, and only the commit wakes anybody.
  const speaks = notify && (!context.pooled || throttle.take(channel))
  const doing: Doing = { verb: `enqueue into "${queue.logical}"`, grants: 'grant insert, select on pgmq."q_{q}"' }
  const send = (): Promise<readonly string[]> =>
    context.session.run(queue, doing, (shape) => statement(shape, jobs, speaks ? channel : null))
  const ids = await send().catch(async (error: unknown) => {
    if (!isPgmqError(error, 'QUEUE_NOT_FOUND') || !options.createQueues) throw error
    // The server said so, not the catalog: the caller's transaction has ended with it.
    if (!context.pooled && error.cause !== undefined) throw error
    await makeQueue(context, queue, { verb: doing.verb })
    return await send()
  })
  if (notify && !speaks) throttle.trail(channel)
  if (ids.length !== jobs.length) throw skipped(queue, jobs.length, ids.length)
  return ids
}

function statement(
  shape: QueueShape,
  jobs: readonly EncodedJob[],
  channel: string | null,
): Statement<readonly string[]> {
  if (!shape.headers && jobs.some(hasHeaders)) {
    const message = `queue "${shape.logical}" cannot store headers (nor a task's version): its tables have no such column. They came with pgmq 1.5: update the extension, or enqueue without them`
    throw pgmqError('FEATURE_UNSUPPORTED', message, { feature: 'headers', since: '1.5.0' })
  }
  return enqueue(shape, jobs, channel)
}

/** Ids come in the order of the jobs, so with one of them missing none can be told. */
function skipped({ logical }: QueueName, jobs: number, stored: number): Error {
  const message = `cannot tell which jobs were enqueued into "${logical}": of ${jobs}, PostgreSQL stored ${stored}. A trigger on its table may skip rows`
  return pgmqError('OUTCOME_UNKNOWN', message, {})
}
