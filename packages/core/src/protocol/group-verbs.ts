import { pgmqError } from '../errors.js'
import { existingQueueName, type QueueName } from '../queue-name.js'
import type { Doing } from '../session.js'
import {
  addLastReadAt,
  createGroupIndex,
  dropIndex,
  findGroupIndex,
  type GroupedRead,
  readGrouped,
} from '../statements/protocol/groups.js'
import type { MessageRecord } from '../statements/protocol/messages.js'
import { optionsOf, type ReadOptions, readArguments } from './arguments.js'
import { isAboutOldTable, type ProtocolContext, unsupported } from './context.js'
import { FEATURES, type Feature } from './features.js'
import { type PollOptions, poll } from './poll.js'

/**
 * Reads that keep the order within groups, which messages name in their header `x-pgmq-group`; those without one are a
 * group too. Slow on a long queue until `createGroupIndex`. All throw FEATURE_UNSUPPORTED before pgmq 1.9.
 */
export interface GroupVerbs {
  /** Fills the batch from the group with the oldest message, then from the next. Group by group, each by id. */
  readGrouped(queue: string, options?: ReadOptions): Promise<readonly MessageRecord[]>
  readGroupedWithPoll(queue: string, options?: ReadOptions & PollOptions): Promise<readonly MessageRecord[]>
  /**
   * One message of each group in turn, in that order. While it runs, readers of another queue pass over groups of the same
   * name: upstream's lock is on the name alone.
   */
  readGroupedRr(queue: string, options?: ReadOptions): Promise<readonly MessageRecord[]>
  readGroupedRrWithPoll(queue: string, options?: ReadOptions & PollOptions): Promise<readonly MessageRecord[]>
  /** The oldest message of each group, by id. @throws FEATURE_UNSUPPORTED before pgmq 1.11.1 */
  readGroupedHead(queue: string, options?: ReadOptions): Promise<readonly MessageRecord[]>
  readGroupedHeadWithPoll(queue: string, options?: ReadOptions & PollOptions): Promise<readonly MessageRecord[]>
  /**
   * Creates the index that grouped reads search by: 100,000 messages in 1,000 groups took 1.5 s without and 0.1 s with
   * it. Upstream's `create_fifo_index` makes another, which none of them can use. `false`: it was there.
   *
   * On a pool it stops no sender. Inside a transaction it stops them until that ends.
   */
  createGroupIndex(queue: string): Promise<boolean>
}

type Read = (queue: string, options?: ReadOptions) => Promise<readonly MessageRecord[]>

export function groupVerbs(context: ProtocolContext): GroupVerbs {
  const reader = (name: GroupedRead, feature: Feature): Read => {
    return async (queue, options) => await readGroups(context, name, feature, queue, optionsOf(options))
  }
  const polling = (read: Read): GroupVerbs['readGroupedWithPoll'] => {
    return async (queue, options) => {
      const given = optionsOf(options)
      return await poll(given, () => read(queue, given))
    }
  }
  const grouped = reader('read_grouped', FEATURES.readGrouped)
  const rr = reader('read_grouped_rr', FEATURES.readGroupedRr)
  const head = reader('read_grouped_head', FEATURES.readGroupedHead)
  return {
    readGrouped: grouped,
    readGroupedWithPoll: polling(grouped),
    readGroupedRr: rr,
    readGroupedRrWithPoll: polling(rr),
    readGroupedHead: head,
    readGroupedHeadWithPoll: polling(head),
    createGroupIndex: (queue) => makeGroupIndex(context, queue),
  }
}

async function readGroups(
  context: ProtocolContext,
  name: GroupedRead,
  feature: Feature,
  queue: string,
  options: ReadOptions,
): Promise<readonly MessageRecord[]> {
  const { seconds, limit } = readArguments(options)
  const doing: Doing = { verb: `read groups from "${queue}"`, grants: 'grant select, update on pgmq."q_{q}"' }
  try {
    return await context.feature(feature, doing, () =>
      context.run(queue, doing, (shape) => {
        if (!context.pooled && !shape.lastReadAt && context.knows(SET_VT_BY_TIME)) throw tableTooOld(shape)
        return readGrouped(shape, name, seconds, limit)
      }),
    )
  } catch (error) {
    throw isAboutOldTable(error) ? tableTooOld(existingQueueName(queue, undefined), error) : error
  }
}

/** As old as the column `last_read_at`, which the functions of that version and later write to. */
const SET_VT_BY_TIME = 'set_vt(text, bigint, timestamp with time zone)'

function tableTooOld(queue: QueueName, cause?: unknown): Error {
  return pgmqError(
    'FEATURE_UNSUPPORTED',
    `cannot read groups from "${queue.logical}": its tables are older than pgmq's functions, which write a column that they lack. Run: ${addLastReadAt(queue)}`,
    { feature: 'grouped reads of tables from before an upgrade', since: '1.10.0' },
    cause,
  )
}

async function makeGroupIndex(context: ProtocolContext, queue: string): Promise<boolean> {
  const doing: Doing = { verb: `index the groups of "${queue}"`, grants: 'grant <owner of pgmq."q_{q}">' }
  const index = await context.run(queue, doing, (shape) => {
    if (!shape.headers) throw unsupported(HEADERS, doing)
    return findGroupIndex(shape)
  })
  if (index.valid !== null) return false
  // A partitioned table takes no index concurrently, and neither does a transaction.
  const concurrently = context.pooled && !index.partitioned
  if (index.broken !== null && concurrently) await context.run(queue, doing, () => dropIndex(index.broken as string))
  await context.run(queue, doing, (shape) => createGroupIndex(shape, concurrently))
  return true
}

const HEADERS = { what: 'headers', since: '1.5.0', remedy: 'Update the extension, or read without groups' }
