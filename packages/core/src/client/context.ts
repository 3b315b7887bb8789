import type { Driver, SqlExecutor } from '../driver.js'
import { pgmqError } from '../errors.js'
import type { ResolvedClientOptions } from '../options.js'
import { existingQueueName, type QueueName, queueName } from '../queue-name.js'
import { type Knowledge, Session } from '../session.js'
import type { NotifyThrottle } from './notify-throttle.js'

/** What all sessions of one client share. */
export interface Shared {
  readonly driver: Driver
  readonly options: ResolvedClientOptions
  readonly knowledge: Knowledge
  readonly throttle: NotifyThrottle
  closed: boolean
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
  /** A queue that may be created. @throws QUEUE_NAME_INVALID */
  queue(name: string): QueueName {
    this.assertOpen()
    return queueName(name, this.shared.options.queuePrefix)
  }
  /** A queue that others may have made. @throws QUEUE_NAME_INVALID */
  existing(name: string): QueueName {
    this.assertOpen()
    return existingQueueName(name, this.shared.options.queuePrefix)
  }
  assertOpen(): void {
    if (this.shared.closed)
      throw pgmqError('CLIENT_CLOSED', 'this client is closed. Create another, or close it later', {})
  }
}

/** The channel of pgmq's own insert trigger, so that its users' listeners hear us and ours hear them. */
export const channelOf = (queue: QueueName): string => `pgmq.q_${queue.physical.toLowerCase()}.INSERT`
