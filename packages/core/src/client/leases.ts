import { configurationInvalid } from '../errors.js'
import { checkedId, fenceOf, type Lease, type Message, type MessageRef } from '../message.js'
import { seconds as checkSeconds, positive, wholeNumber } from '../options.js'
import type { QueueName } from '../queue-name.js'
import type { Doing } from '../session.js'
import { lease } from '../statements/lease.js'
import { leaseKey } from '../statements/parts.js'
import { archive, archiveById, remove, removeById } from '../statements/settle.js'
import { endLease, moveLease, setVisibilityById } from '../statements/visibility.js'
import type { ClientContext } from './context.js'
import { pause } from './pause.js'
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

  async take(name: string, limit: number, options: DequeueOptions = {}): Promise<readonly Message[]> {
    const queue = this.#context.existing(name)
    wholeNumber('limit', limit, 1)
    const given = options.visibilitySeconds ?? this.#context.shared.options.visibilitySeconds
    const seconds = positive('visibilitySeconds', checkSeconds('visibilitySeconds', given))
    const waitMs = checkSeconds('waitSeconds', options.waitSeconds ?? 0) * 1000
    const doing: Doing = { verb: `read from "${name}"`, grants: LEASE_GRANTS }
    const started = performance.now()
    for (let round = 0; ; round++) {
      options.signal?.throwIfAborted()
      this.#context.assertOpen()
      const { deliveries } = await this.#context.session.run(queue, doing, (shape) =>
        lease(shape, { floor: null, limit, seconds }),
      )
      const leftMs = waitMs - (performance.now() - started)
      if (deliveries.length > 0 || leftMs <= 0) return deliveries.map(({ message }) => message)
      await pause(Math.min(leftMs, WAIT_MS[Math.min(round, WAIT_MS.length - 1)] as number), options.signal)
    }
  }

  archive(messages: readonly (Lease | MessageRef)[]): Promise<readonly MessageRef[]> {
    return this.#end(
      messages,
      'archive',
      (shape, fences) =>
        archive(
          shape,
          fences,
          fences.map(() => null),
        ),
      archiveById,
    )
  }

  remove(messages: readonly (Lease | MessageRef)[]): Promise<readonly MessageRef[]> {
    return this.#end(messages, 'delete', remove, removeById)
  }

  async setVisibility(message: Lease | MessageRef, seconds: number): Promise<boolean> {
    const queue = this.#context.existing(message.queue)
    checkSeconds('seconds', seconds)
    const doing: Doing = {
      verb: `set the visibility of message ${message.id} of "${message.queue}"`,
      grants: LEASE_GRANTS,
    }
    if (!isLease(message)) {
      const id = checkedId(message.id)
      return await this.#context.session.run(queue, doing, (shape) => setVisibilityById(shape, id, seconds))
    }
    const fence = fenceOf(message)
    return await this.#context.session.run(queue, doing, (shape) =>
      seconds === 0 ? endLease(shape, fence) : moveLease(shape, fence, seconds),
    )
  }

  async #end(
    messages: readonly (Lease | MessageRef)[],
    verb: string,
    fenced: (...args: Parameters<typeof remove>) => ReturnType<typeof remove>,
    byId: typeof removeById,
  ): Promise<readonly MessageRef[]> {
    const ended: MessageRef[] = []
    for (const [name, group] of groupByQueue(messages)) {
      const queue = this.#context.existing(name)
      const doing: Doing = { verb: `${verb} messages of "${name}"`, grants: SETTLE_GRANTS }
      const keys = new Set<string>()
      const fences = group.filter(isLease).map(fenceOf).sort(byNumber)
      const ids = group.filter((message) => !isLease(message)).map(({ id }) => checkedId(id))
      if (fences.length > 0)
        for (const key of (await this.#context.session.run(queue, doing, (shape) => fenced(shape, fences))).keys)
          keys.add(key)
      if (ids.length > 0)
        for (const key of (await this.#context.session.run(queue, doing, (shape) => byId(shape, ids))).keys)
          keys.add(idOf(key))
      ended.push(
        ...group
          .filter((message) =>
            keys.has(isLease(message) ? leaseKey(message.id, fenceOf(message).readCount) : message.id),
          )
          .map(({ id }) => refOf(queue, id)),
      )
    }
    return ended
  }
}

const idOf = (key: string): string => key.slice(0, key.indexOf('/'))
const refOf = (queue: QueueName, id: string): MessageRef => ({ queue: queue.logical, id })
/** In one order everywhere, so that two settles never deadlock. */
const byNumber = (a: { id: string }, b: { id: string }): number => Number(a.id) - Number(b.id)

/** A receipt that is there but `undefined` is a mistake, never an operator's wish. */
function isLease(message: Lease | MessageRef): message is Lease {
  if (typeof message !== 'object' || message === null) {
    throw configurationInvalid(
      'message',
      `${JSON.stringify(message)} names no message: pass { queue, id }, or the message as it was leased`,
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
