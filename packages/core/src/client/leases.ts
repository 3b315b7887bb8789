import { warnOfClash } from '../attempt/archive-clash.js'
import { seconds as checkSeconds, positive, wholeNumber } from '../checks.js'
import { configurationInvalid } from '../errors.js'
import { checkedId, compareIds, type Fence, fenceOf, type Lease, type Message, type MessageRef } from '../message.js'
import type { QueueName } from '../queue-name.js'
import type { Doing } from '../session.js'
import { shown } from '../shown.js'
import { type LeasedMessage, type LeaseRequest, lease } from '../statements/lease.js'
import type { QueueShape, Statement } from '../statements/parts.js'
import { archive, archiveById, remove, removeById, type Settled } from '../statements/settle.js'
import { endLeases, moveLease, setVisibilityById } from '../statements/visibility.js'
import type { ClientContext } from './context.js'
import { pause, unlessAborted } from './pause.js'
import type { DequeueOptions } from './pgmq-client.js'

const LEASE_GRANTS = 'grant select, update on pgmq."q_{q}"'
const SETTLE_GRANTS = 'grant select, update, delete on pgmq."q_{q}"; grant select, insert on pgmq."a_{q}"'
/** A wait polls: at first often, since what is awaited is usually near, then once a second. */
const WAIT_MS = [20, 50, 100, 200, 500, 1000]

/** Leases taken and ended one call at a time, outside of a worker. */
export class Leases {
  readonly #context: ClientContext

  constructor(context: ClientContext) {
    this.#context = context
  }

  take(name: string, limit: number, options: DequeueOptions = {}): Promise<readonly Message[]> {
    return this.#context.run(async () => {
      const queue = this.#context.existing(name)
      wholeNumber('limit', limit, 1)
      const given = options.visibilitySeconds ?? this.#context.shared.options.visibilitySeconds
      const seconds = positive('visibilitySeconds', checkSeconds('visibilitySeconds', given))
      const waitMs = checkSeconds('waitSeconds', options.waitSeconds ?? 0) * 1000
      const request = { floor: null, limit, seconds, alone: this.#context.pooled }
      const started = performance.now()
      for (let round = 0; ; round++) {
        options.signal?.throwIfAborted()
        this.#context.assertOpen()
        const deliveries = await this.#lease(queue, request, options.signal)
        const leftMs = waitMs - (performance.now() - started)
        if (deliveries.length > 0 || leftMs <= 0) return deliveries.map(({ message }) => message)
        await pause(Math.min(leftMs, WAIT_MS[Math.min(round, WAIT_MS.length - 1)] as number), options.signal)
      }
    })
  }

  archive(messages: readonly (Lease | MessageRef)[]): Promise<readonly MessageRef[]> {
    const archiveFenced = (shape: QueueShape, fences: readonly Fence[]): Statement<Settled> =>
      archive(
        shape,
        fences,
        fences.map(() => null),
      )
    return this.#end(messages, 'archive', archiveFenced, archiveById)
  }

  remove(messages: readonly (Lease | MessageRef)[]): Promise<readonly MessageRef[]> {
    return this.#end(messages, 'delete', remove, removeById)
  }

  setVisibility(message: Lease | MessageRef, seconds: number): Promise<boolean> {
    return this.#context.run(async () => {
      const fence = isLease(message) ? fenceOf(message) : null
      const id = checkedId(message.id)
      checkSeconds('seconds', seconds)
      const queue = this.#context.existing(message.queue)
      const doing: Doing = {
        verb: `set the visibility of message ${id} of "${queue.logical}"`,
        grants: LEASE_GRANTS,
      }
      return await this.#context.session.run(queue, doing, (shape) => {
        if (!fence) return setVisibilityById(shape, id, seconds)
        return seconds === 0 ? endLeases(shape, [fence]) : moveLease(shape, fence, seconds)
      })
    })
  }

  /** An abort is obeyed at once, though no connection is free for the statement. What it leases then is given back. */
  async #lease(
    queue: QueueName,
    request: LeaseRequest,
    signal: AbortSignal | undefined,
  ): Promise<readonly LeasedMessage[]> {
    const { session, shared, pooled } = this.#context
    const doing: Doing = { verb: `read from "${queue.logical}"`, grants: LEASE_GRANTS }
    const leasing = session.run(queue, doing, (shape) => lease(shape, request))
    const giveBack = async (): Promise<void> => {
      const fences = (await leasing).deliveries.map(({ fence }) => fence)
      if (fences.length > 0) await session.run(queue, doing, (shape) => endLeases(shape, fences))
    }
    try {
      // On a caller's connection nothing may be sent once the call has ended.
      return (await unlessAborted(leasing, pooled ? signal : undefined)).deliveries
    } catch (error) {
      shared.underWay.run(giveBack).catch(() => undefined)
      throw error
    }
  }

  #end(
    messages: readonly (Lease | MessageRef)[],
    verb: string,
    fenced: (shape: QueueShape, fences: readonly Fence[]) => Statement<Settled>,
    byId: (shape: QueueShape, ids: readonly string[]) => Statement<Settled>,
  ): Promise<readonly MessageRef[]> {
    return this.#context.run(async () => {
      const { session, shared } = this.#context
      const ended: MessageRef[] = []
      // All of them are looked at before the first statement.
      const groups = [...groupByQueue(messages)].map(([name, group]) => toEnd(this.#context.existing(name), group))
      for (const { queue, given, fences, ids } of groups) {
        const name = queue.logical
        const doing: Doing = { verb: `${verb} messages of "${name}"`, grants: SETTLE_GRANTS }
        const gone = new Set<string>()
        const settle = async (statement: (shape: QueueShape) => Statement<Settled>): Promise<void> => {
          const { keys, archived } = await session.run(queue, doing, statement)
          warnOfClash(shared.options.logger, name, keys.length - archived)
          for (const key of keys) gone.add(key.slice(0, key.indexOf('/')))
        }
        if (fences.length > 0) await settle((shape) => fenced(shape, fences))
        if (ids.length > 0) await settle((shape) => byId(shape, ids))
        for (const id of given) if (gone.has(id)) ended.push({ queue: name, id })
      }
      return ended
    })
  }
}

interface ToEnd {
  readonly queue: QueueName
  /** In the order in which they were given, each once. */
  readonly given: ReadonlySet<string>
  readonly fences: readonly Fence[]
  readonly ids: readonly string[]
}

/** @throws CONFIGURATION_INVALID */
function toEnd(queue: QueueName, messages: readonly (Lease | MessageRef)[]): ToEnd {
  return {
    queue,
    given: new Set(messages.map(({ id }) => id)),
    fences: messages.filter(isLease).map(fenceOf).sort(byNumber),
    ids: messages.filter((message) => !isLease(message)).map(({ id }) => checkedId(id)),
  }
}

/** In one order everywhere, so that two settles never deadlock. */
const byNumber = (a: { id: string }, b: { id: string }): number => compareIds(a.id, b.id)

/** A receipt that is there but `undefined` is a mistake, never an operator's wish. */
function isLease(message: Lease | MessageRef): message is Lease {
  if (typeof message !== 'object' || message === null) {
    throw configurationInvalid(
      'message',
      `${shown(message)} names no message: pass { queue, id }, or the message as it was leased`,
    )
  }
  return 'receipt' in message
}

function groupByQueue<M extends MessageRef>(messages: readonly M[]): Map<string, M[]> {
  const groups = new Map<string, M[]>()
  for (const message of messages) {
    isLease(message)
    const group = groups.get(message.queue)
    if (group) group.push(message)
    else groups.set(message.queue, [message])
  }
  return groups
}
