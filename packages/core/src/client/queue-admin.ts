import type { StoredMessage } from '../message.js'
import { checkedId } from '../message.js'
import { wholeNumber } from '../options.js'
import type { Doing } from '../session.js'
import {
  type ArchivedMessage,
  dropQueue,
  listQueues,
  peek,
  peekArchive,
  purgeQueue,
  type QueueInfo,
  type QueueMetrics,
  queueMetrics,
} from '../statements/queues.js'
import type { ClientContext } from './context.js'
import { makeQueue } from './make-queue.js'
import type { Page, PageOptions, Queues } from './pgmq-client.js'

const PAGE_SIZE = 100

export class QueueAdmin implements Queues {
  readonly #context: ClientContext

  constructor(context: ClientContext) {
    this.#context = context
  }

  async create(name: string, options: { readonly unlogged?: boolean } = {}): Promise<void> {
    await makeQueue(this.#context, this.#context.queue(name), options)
  }

  async drop(name: string): Promise<boolean> {
    const queue = this.#context.existing(name)
    const { session } = this.#context
    const doing: Doing = { verb: `drop queue "${name}"`, grants: 'grant <owner of pgmq."q_{q}">' }
    if (!(await session.inspect(queue, doing)).queue) return false
    const dropped = await session.run(queue, doing, () => dropQueue(queue.physical))
    this.#context.shared.knowledge.shapes.delete(queue.physical)
    return dropped
  }

  async purge(name: string): Promise<number> {
    const queue = this.#context.existing(name)
    return await this.#context.session.run(
      queue,
      { verb: `purge queue "${name}"`, grants: 'grant truncate, select on pgmq."q_{q}"' },
      () => purgeQueue(queue.physical),
    )
  }

  async list(): Promise<readonly QueueInfo[]> {
    this.#context.assertOpen()
    const { queuePrefix } = this.#context.shared.options
    const all = await this.#context.session.runPlain(listQueues(), {
      verb: 'list queues',
      grants: 'grant select on pgmq.meta',
    })
    if (!queuePrefix) return all
    const own = `${queuePrefix}_`
    return all
      .filter(({ name }) => name.startsWith(own))
      .map((queue) => ({ ...queue, name: queue.name.slice(own.length) }))
  }

  async metrics(name: string): Promise<QueueMetrics> {
    const queue = this.#context.existing(name)
    const doing: Doing = {
      verb: `measure queue "${name}"`,
      grants: 'grant select on pgmq."q_{q}", pgmq."q_{q}_msg_id_seq"',
    }
    return await this.#context.session.run(queue, doing, () => queueMetrics(queue))
  }

  async peek(name: string, options: PageOptions = {}): Promise<Page<StoredMessage>> {
    const queue = this.#context.existing(name)
    const { after, limit } = pageOf(options)
    const doing: Doing = { verb: `look into "${name}"`, grants: 'grant select on pgmq."q_{q}"' }
    return page(await this.#context.session.run(queue, doing, (shape) => peek(shape, after, limit)), limit)
  }

  async archived(name: string, options: PageOptions & { readonly task?: string } = {}): Promise<Page<ArchivedMessage>> {
    const queue = this.#context.existing(name)
    const { after, limit } = pageOf(options)
    const doing: Doing = { verb: `look into the archive of "${name}"`, grants: 'grant select on pgmq."a_{q}"' }
    return page(
      await this.#context.session.run(queue, doing, (shape) => peekArchive(shape, after, limit, options.task ?? null)),
      limit,
    )
  }
}

export function pageOf({ after = '0', limit = PAGE_SIZE }: PageOptions): { after: string; limit: number } {
  return { after: checkedId(after), limit: wholeNumber('limit', limit, 1) }
}

export function page<T extends { readonly id: string }>(items: readonly T[], limit: number): Page<T> {
  return { items, nextCursor: items.length < limit ? null : (items[items.length - 1]?.id ?? null) }
}
