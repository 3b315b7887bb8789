import { isPgmqError, pgmqError } from '../errors.js'
import type { Doing } from '../session.js'
import { LOCK_NOT_AVAILABLE } from '../sql-state.js'
import { lastId, purgeQueue, removeSome } from '../statements/clear-queue.js'
import type { QueueShape, Statement } from '../statements/parts.js'

/** How long a statement that needs a table for itself may stand before the senders, each of the few times it is tried. */
export const PATIENCE_MS = 100
const BATCH = 10_000

export type RunOnQueue = <T>(doing: Doing, make: (shape: QueueShape) => Statement<T>) => Promise<T>

/**
 * Removes every message. TRUNCATE waits for every open transaction on the table, and every sender waits behind it: so on
 * a pool only where nobody is in its way, else in batches.
 */
export async function purge(name: string, run: RunOnQueue, pooled: boolean): Promise<number> {
  const verb = `purge queue "${name}"`
  if (pooled) {
    try {
      const doing: Doing = { verb, grants: 'grant truncate, select on pgmq."q_{q}"' }
      return await run(doing, (shape) => purgeQueue(shape, PATIENCE_MS))
    } catch (error) {
      if (!isLocked(error) && !isPgmqError(error, 'PERMISSION_DENIED')) throw error
    }
  }
  return await removeAll({ verb, grants: 'grant select, update, delete on pgmq."q_{q}"' }, run)
}

/** In batches up to what was there at first: senders go on meanwhile. */
async function removeAll(doing: Doing, run: RunOnQueue): Promise<number> {
  const upTo = await run(doing, lastId)
  let count = 0
  for (let after: string | null = '-1'; upTo !== null && after !== null; ) {
    const from: string = after
    const removed = await run(doing, (shape) => removeSome(shape, from, upTo, BATCH))
    count += removed.count
    after = removed.last
  }
  return count
}

/** What a statement that needs the table for itself rejects with, when it did not get it. */
export function lockRefused(error: unknown, { verb }: Doing): unknown {
  if (!isLocked(error)) return error
  const message = `cannot ${verb}: a transaction on the queue is open, and to wait for its end would stop every sender. End it, and try again`
  return pgmqError('QUERY_FAILED', message, { sqlState: LOCK_NOT_AVAILABLE }, error)
}

const isLocked = (error: unknown): boolean =>
  isPgmqError(error, 'QUERY_FAILED') && error.details.sqlState === LOCK_NOT_AVAILABLE
