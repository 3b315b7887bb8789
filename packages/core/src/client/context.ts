import type { Driver, SqlExecutor } from '../driver.js'
import { pgmqError } from '../errors.js'
import type { ResolvedClientOptions } from '../options.js'
import { existingQueueName, type QueueName, queueName } from '../queue-name.js'
import { type Doing, type Knowledge, Session } from '../session.js'
import type { QueueShape, Statement } from '../statements/parts.js'
import type { NotifyThrottle } from './notify-throttle.js'
import type { UnderWay } from './under-way.js'

/** What all sessions of one client share. */
export interface Shared {
  readonly driver: Driver
  readonly options: ResolvedClientOptions
  readonly knowledge: Knowledge
  readonly throttle: NotifyThrottle
  readonly underWay: UnderWay
  /** From the first `close` on; resolves when it is done. */
  closing: Promise<void> | null
}

/** One client on one executor: its pool, or a caller's connection. */
export class ClientContext {
  readonly shared: Shared
  readonly session: Session

  constructor(shared: Shared, executor: SqlExecutor) {
    this.shared = shared
    this.session = new Session(executor, shared.knowledge)
  }
  get pooled(): boolean {
    return this.session.executor.scope === 'pool'
  }
  /** A call of the user's, begun in the same turn: a close waits for its end. @throws CLIENT_CLOSED */
  async run<T>(work: () => T | Promise<T>): Promise<T> {
    this.assertOpen()
    return await this.shared.underWay.run(work)
  }
  /** A call that is one statement on one queue. @throws CLIENT_CLOSED, QUEUE_NAME_INVALID */
  runOn<T>(name: string, doing: Doing, make: (shape: QueueShape) => Statement<T>): Promise<T> {
    return this.run(() => this.session.run(this.existing(name), doing, make))
  }
  /** A queue that may be created. @throws QUEUE_NAME_INVALID */
  queue(name: string): QueueName {
    return queueName(name, this.shared.options.queuePrefix)
  }
  /** A queue that others may have made. @throws QUEUE_NAME_INVALID */
  existing(name: string): QueueName {
    return existingQueueName(name, this.shared.options.queuePrefix)
  }
  /** @throws CLIENT_CLOSED */
  assertOpen(): void {
    if (this.shared.closing)
      throw pgmqError('CLIENT_CLOSED', 'this client is closed. Create another, or close it later', {})
  }
}

/** The channel of pgmq's own insert trigger, so that its users' listeners hear us and ours hear them. */
export const channelOf = (queue: QueueName): string => `pgmq.q_${queue.physical.toLowerCase()}.INSERT`
