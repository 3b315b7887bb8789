import { wholeNumber } from '../checks.js'
import type { StoredMessage } from '../message.js'
import { checkedId } from '../message.js'
import { deadLetterQueue } from '../queue-name.js'
import { type Doing, queueNotFound } from '../session.js'
import { shownPlainly } from '../shown.js'
import { dropQueue } from '../statements/clear-queue.js'
import {
  type ArchivedMessage,
  listQueues,
  peek,
  peekArchive,
  type QueueInfo,
  type QueueMetrics,
  queueMetrics,
} from '../statements/queues.js'
import { lockRefused, PATIENCE_MS, purge } from './clear-queue.js'
import type { ClientContext } from './context.js'
import { makeQueue } from './make-queue.js'
import type { Page, PageOptions, Queues } from './pgmq-client.js'
import { tune } from './table-care.js'

const PAGE_SIZE = 100

export class QueueAdmin implements Queues {
  readonly #context: ClientContext

  constructor(context: ClientContext) {
    this.#context = context
  }

  create(name: string, options: { readonly unlogged?: boolean } = {}): Promise<void> {
    return this.#context.run(() => makeQueue(this.#context, this.#context.queue(name), options))
  }

  tune(name: string): Promise<void> {
    return this.#context.run(async () => {
      const { session } = this.#context
      const queue = this.#context.existing(name)
      const doing: Doing = { verb: `tune queue "${name}"`, grants: 'grant <owner of pgmq."q_{q}">' }
      const { queue: exists, deadLetterQueue: hasLetters } = await session.inspect(queue, doing)
      if (!exists) throw queueNotFound(queue, doing, 'It gets its settings when it is created')
      await tune(session, queue, doing)
      if (hasLetters) await tune(session, deadLetterQueue(queue), doing)
    })
  }

  drop(name: string): Promise<boolean> {
    return this.#context.run(async () => {
      const { session, shared } = this.#context
      const queue = this.#context.existing(name)
      const doing: Doing = { verb: `drop queue "${name}"`, grants: 'grant <owner of pgmq."q_{q}">' }
      if (!(await session.inspect(queue, doing)).queue) return false
      const patienceMs = this.#context.pooled ? PATIENCE_MS : null
      const dropped = await session.runOn(queue, dropQueue(queue, patienceMs), doing).catch((error: unknown) => {
        throw lockRefused(error, doing)
      })
      shared.knowledge.shapes.delete(queue.physical)
      return dropped
    })
  }

  purge(name: string): Promise<number> {
    const { session, pooled } = this.#context
    return this.#context.run(() => {
      const queue = this.#context.existing(name)
      return purge(name, (doing, make) => session.run(queue, doing, make), pooled)
    })
  }

  async list(): Promise<readonly QueueInfo[]> {
    const doing: Doing = { verb: 'list queues', grants: 'grant select on pgmq.meta' }
    const all = await this.#context.run(() => this.#context.session.runPlain(listQueues(), doing))
    const { queuePrefix } = this.#context.shared.options
    if (!queuePrefix) return all
    const own = `${queuePrefix}_`
    return all
      .filter(({ name }) => name.startsWith(own))
      .map((queue) => ({ ...queue, name: queue.name.slice(own.length) }))
  }

  metrics(name: string): Promise<QueueMetrics> {
    const doing: Doing = {
      verb: `measure queue "${shownPlainly(name)}"`,
      grants: 'grant select on pgmq."q_{q}", pgmq."q_{q}_msg_id_seq"',
    }
    return this.#context.runOn(name, doing, queueMetrics)
  }

  async peek(name: string, options: PageOptions = {}): Promise<Page<StoredMessage>> {
    const { after, limit } = pageOf(options)
    const doing: Doing = { verb: `look into "${shownPlainly(name)}"`, grants: 'grant select on pgmq."q_{q}"' }
    return page(await this.#context.runOn(name, doing, (shape) => peek(shape, after, limit)), limit)
  }

  async archived(name: string, options: PageOptions & { readonly task?: string } = {}): Promise<Page<ArchivedMessage>> {
    const { after, limit } = pageOf(options)
    const doing: Doing = {
      verb: `look into the archive of "${shownPlainly(name)}"`,
      grants: 'grant select on pgmq."a_{q}"',
    }
    const items = await this.#context.runOn(name, doing, (shape) =>
      peekArchive(shape, after, limit, options.task ?? null),
    )
    return page(items, limit)
  }
}

export function pageOf({ after = '0', limit = PAGE_SIZE }: PageOptions): { after: string; limit: number } {
  return { after: checkedId(after), limit: wholeNumber('limit', limit, 1) }
}

export function page<T extends { readonly id: string }>(items: readonly T[], limit: number): Page<T> {
  return { items, nextCursor: items.length < limit ? null : (items[items.length - 1]?.id ?? null) }
}
