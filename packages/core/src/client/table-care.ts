import { errorText, pgmqError } from '../errors.js'
import type { Logger } from '../logger.js'
import type { QueueName } from '../queue-name.js'
import type { Doing, Session } from '../session.js'
import { QUERY_CANCELED } from '../sql-state.js'
import { mayTune, tuneArchive, tuneQueue } from '../statements/table-care.js'

/** How long to wait for a vacuum that is at the table. Nobody stands behind who waits for that. */
const PATIENCE_MS = 5_000

/** Gives the tables of a queue autovacuum settings fit for a queue. */
export async function tune(session: Session, queue: QueueName, doing: Doing): Promise<void> {
  const patient: Doing = { ...doing, query: { timeoutMs: PATIENCE_MS, ...doing.query } }
  for (const statement of [tuneQueue(queue), tuneArchive(queue)]) {
    const sentMs = performance.now()
    await session.runOn(queue, statement, patient).catch((error: unknown) => {
      throw performance.now() - sentMs < PATIENCE_MS / 2 ? error : busy(doing, error)
    })
  }
}

function busy({ verb }: Doing, cause: unknown): Error {
  const message = `cannot ${verb}: a vacuum, or a change, of its tables is under way. Try again when it is done`
  return pgmqError('QUERY_FAILED', message, { sqlState: QUERY_CANCELED }, cause)
}

/** The same for a queue that was just created: a courtesy, which fails no creation. */
export async function tuneNew(session: Session, queue: QueueName, doing: Doing, logger?: Logger): Promise<void> {
  const leave = (why: string): void =>
    logger?.warn(
      { queue: queue.logical },
      `queue '${queue.logical}' keeps PostgreSQL's autovacuum settings: ${why}. Its owner can change that: docs/operations.md`,
    )
  const own: Doing = { ...doing, verb: `tune queue "${queue.logical}"` }
  try {
    if (await session.runOn(queue, mayTune(queue), own)) await tune(session, queue, own)
    else leave('its tables are not of this role')
  } catch (error) {
    if (session.executor.scope === 'connection') throw error
    leave(errorText(error))
  }
}
