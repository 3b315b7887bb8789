import { wholeNumber } from '../checks.js'
import { purge } from '../client/clear-queue.js'
import { configurationInvalid, pgmqError } from '../errors.js'
import { existingQueueName, type QueueName } from '../queue-name.js'
import type { Doing } from '../session.js'
import { shown } from '../shown.js'
import { dropQueue } from '../statements/clear-queue.js'
import type { Look } from '../statements/protocol/look.js'
import { convertArchivePartitioned, createPartitioned, unlist } from '../statements/protocol/queues.js'
import { createQueue, listQueues, type QueueInfo } from '../statements/queues.js'
import { optionsOf } from './arguments.js'
import { type ProtocolContext, queueMissing, stateOf } from './context.js'
import { FEATURES } from './features.js'
import { nameTaken, newQueueName } from './new-queue-name.js'

export interface CreateOptions {
  /** Faster, and empty after a crash of the server; its archive is not. */
  readonly unlogged?: boolean
}

export interface PartitionOptions {
  /**
   * Messages a partition, or a length of time: `'1 day'`.
   *
   * @defaultValue 10000
   */
  readonly partitionInterval?: number | string
  /**
   * What is older is dropped by pg_partman, **read or not**.
   *
   * @defaultValue 100000
   */
  readonly retentionInterval?: number | string
}

export interface QueueVerbs {
  /**
   * Creates a queue. Looks before it does: upstream's function, run again on a queue that is there, waits for open
   * transactions on it, and every sender waits behind. `false`: it was there, of whichever kind.
   *
   * @throws QUEUE_NAME_INVALID for a name that upstream would take and regret: one that collides, or is folded
   * @example await pgmq.create('emails')
   */
  create(queue: string, options?: CreateOptions): Promise<boolean>
  /**
   * Creates a queue in partitions, by pg_partman. Consider another way: what outlives its retention is dropped unread.
   *
   * @throws FEATURE_UNSUPPORTED where pg_partman is missing, and for `premake` before pgmq 1.13
   */
  createPartitioned(queue: string, options?: PartitionOptions & { readonly premake?: number }): Promise<boolean>
  /** Gives a queue's archive partitions from now on; what it holds stays in `pgmq.a_<queue>_old`. */
  convertArchivePartitioned(
    queue: string,
    options?: PartitionOptions & {
      /** @defaultValue 10 */
      readonly leadingPartition?: number
    },
  ): Promise<void>
  /**
   * Removes a queue, its archive, and what is left of it in `pgmq.meta`. `false`: there was nothing. On a pool it waits
   * for open transactions a moment at a time, so that no sender waits long behind it, and then gives up: QUERY_FAILED
   * with `sqlState` 55P03. Inside a transaction it waits as that one's `lock_timeout` has it, and senders behind it.
   */
  drop(queue: string): Promise<boolean>
  /**
   * Removes every message; resolves to how many. On a pool by TRUNCATE where nobody is in its way; else in batches, which
   * stop no sender and leave what an open transaction holds.
   */
  purge(queue: string): Promise<number>
  /** By name. */
  listQueues(): Promise<readonly QueueInfo[]>
}

const CREATE_GRANTS = 'grant create on schema pgmq; grant select, insert on pgmq.meta'

export function queueVerbs(context: ProtocolContext): QueueVerbs {
  return {
    async create(name, options) {
      const { unlogged = false } = optionsOf(options)
      const queue = newQueueName(name)
      const doing: Doing = { verb: `create queue "${name}"`, grants: CREATE_GRANTS }
      return await create(context, queue, doing, async () => {
        await context.plain(doing, createQueue(queue.physical, unlogged), queue)
      })
    },
    async createPartitioned(name, options) {
      const { premake, ...rest } = optionsOf(options)
      const queue = newQueueName(name)
      const request = {
        ...intervalsOf(rest),
        premake: premake === undefined ? null : wholeNumber('premake', premake, 1),
      }
      const doing: Doing = { verb: `create partitioned queue "${name}"`, grants: CREATE_GRANTS }
      return await create(context, queue, doing, async ({ partman }) => {
        if (partman === null) throw partmanMissing(doing, 'create, which needs none')
        if (request.premake !== null) await context.need(FEATURES.premake, doing)
        await context.plain(doing, createPartitioned(queue, request), queue)
      })
    },
    async convertArchivePartitioned(name, options) {
      const { leadingPartition = 10, ...rest } = optionsOf(options)
      const queue = existingQueueName(name, undefined)
      const request = {
        ...intervalsOf(rest),
        premake: null,
        leading: wholeNumber('leadingPartition', leadingPartition, 1),
      }
      const doing: Doing = { verb: `partition the archive of "${name}"`, grants: 'grant <owner of pgmq."a_{q}">' }
      const seen = await context.look(queue, doing)
      if (!seen.archive) throw queueMissing(queue, doing)
      if (seen.partman === null) throw partmanMissing(doing, 'leave the archive as it is')
      await context.plain(doing, convertArchivePartitioned(queue, request), queue)
    },
    drop: (name) => drop(context, name),
    purge: (name) => purge(name, (doing, make) => context.run(name, doing, make), context.pooled),
    listQueues: () => context.plain({ verb: 'list queues', grants: 'grant select on pgmq.meta' }, listQueues()),
  }
}

async function create(
  context: ProtocolContext,
  queue: QueueName,
  doing: Doing,
  make: (seen: Look) => Promise<void>,
): Promise<boolean> {
  const seen = await context.look(queue, doing)
  const obstacle = seen.namesake ?? seen.obstacle
  if (obstacle !== null) throw nameTaken(queue.logical, obstacle)
  if (seen.table && seen.listed) return false
  try {
    await make(seen)
    return true
  } catch (error) {
    // Before pgmq 1.6 two creators could collide. What counts is that it is there now.
    if (!context.pooled || stateOf(error) === null) throw error
    const { table, listed } = await context.look(queue, doing)
    if (table && listed) return false
    throw error
  }
}

async function drop(context: ProtocolContext, name: string): Promise<boolean> {
  const queue = existingQueueName(name, undefined)
  const doing: Doing = { verb: `drop queue "${name}"`, grants: 'grant <owner of pgmq."q_{q}">' }
  const seen = await context.look(queue, doing)
  const dropped = seen.table && (await context.alone(name, doing, (patienceMs) => dropQueue(queue, patienceMs)))
  const unlisted = (seen.listed || seen.namesake !== null) && (await context.plain(doing, unlist(queue), queue))
  context.session.knowledge.shapes.delete(queue.physical)
  return dropped || unlisted
}

function intervalsOf({ partitionInterval = 10_000, retentionInterval = 100_000 }: PartitionOptions): {
  readonly interval: string
  readonly retention: string
} {
  return {
    interval: intervalText('partitionInterval', partitionInterval),
    retention: intervalText('retentionInterval', retentionInterval),
  }
}

function intervalText(field: string, given: number | string): string {
  if (typeof given === 'number') return String(wholeNumber(field, given, 1))
  if (typeof given === 'string' && given.trim() !== '' && !given.includes('\u0000')) return given
  throw configurationInvalid(
    field,
    `${field} ${shown(given)} is invalid: give a number of messages, or a text as '1 day'`,
  )
}

function partmanMissing({ verb }: Doing, instead: string): Error {
  const message = `cannot ${verb}: the extension pg_partman is not in this database. As a superuser: CREATE EXTENSION pg_partman; or: ${instead}`
  return pgmqError('FEATURE_UNSUPPORTED', message, { feature: 'partitions', since: 'pg_partman 4' })
}
