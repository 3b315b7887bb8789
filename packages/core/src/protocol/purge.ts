import { isPgmqError } from '../errors.js'
import type { Doing } from '../session.js'
import { lastId, purgeQueue, removeSome } from '../statements/protocol/queues.js'
import { type ProtocolContext, stateOf } from './context.js'

/** How long a TRUNCATE may stand before the senders, each of the few times that it is tried. */
const PATIENCE_MS = 100
const BATCH = 10_000

/** TRUNCATE waits for every open transaction on the table, and every sender waits behind it. */
export async function purge(context: ProtocolContext, name: string): Promise<number> {
  if (context.pooled) {
    const doing: Doing = { verb: `purge queue "${name}"`, grants: 'grant truncate, select on pgmq."q_{q}"' }
    try {
      return await context.run(name, doing, (shape) => purgeQueue(shape, PATIENCE_MS))
    } catch (error) {
      if (stateOf(error) !== '55P03' && !isPgmqError(error, 'PERMISSION_DENIED')) throw error
    }
  }
  return await removeAll(context, name)
}

/** In batches up to what was there at first: senders go on meanwhile. */
async function removeAll(context: ProtocolContext, name: string): Promise<number> {
  const doing: Doing = { verb: `purge queue "${name}"`, grants: 'grant select, update, delete on pgmq."q_{q}"' }
  const upTo = await context.run(name, doing, lastId)
  let count = 0
  for (let after: string | null = '-1'; upTo !== null && after !== null; ) {
    const from: string = after
    const removed = await context.run(name, doing, (shape) => removeSome(shape, from, upTo, BATCH))
    count += removed.count
    after = removed.last
  }
  return count
}
