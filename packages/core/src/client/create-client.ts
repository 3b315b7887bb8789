/// <reference lib="esnext.disposable" />

import type { HandlerContext } from '../attempt/handler.js'
import type { Driver, SqlExecutor } from '../driver.js'
import { configurationInvalid } from '../errors.js'
import type { JsonValue } from '../json.js'
import type { Lease, Message, MessageRef } from '../message.js'
import { type ClientOptions, resolveClientOptions } from '../options.js'
import { Knowledge, Session } from '../session.js'
import { notify } from '../statements/enqueue.js'
import { ClientContext, type Shared } from './context.js'
import { DeadLetterAdmin } from './dead-letters.js'
import { Enqueuer } from './enqueuer.js'
import { executorOf } from './executor-of.js'
import { Leases } from './leases.js'
import { NotifyThrottle } from './notify-throttle.js'
import type { DequeueOptions, EnqueueResult, PgmqClient } from './pgmq-client.js'
import { type ProcessOptions, processWithRetry } from './process-with-retry.js'
import { QueueAdmin } from './queue-admin.js'
import { UnderWay } from './under-way.js'

/** How a worker reaches what is behind a client, also one that another copy of this library made. */
const CONTEXT = Symbol.for('@pgmq/client-context')

/**
 * A client on a driver. Opens nothing until the first call. Adapters wrap this; call it yourself to bring your own driver.
 *
 * @throws CONFIGURATION_INVALID
 */
export function createClient<Connection = never>(
  driver: Driver<Connection>,
  options: ClientOptions = {},
): PgmqClient<Connection> {
  const resolved = resolveClientOptions(options)
  const knowledge = new Knowledge(resolved.preparedStatements, resolved.logger, resolved.queryTimeoutSeconds * 1000)
  const pool = new Session(driver.executor, knowledge)
  const throttle = new NotifyThrottle((channel) =>
    pool.query(notify(channel), { verb: 'notify', grants: '' }).catch(() => undefined),
  )
  const shared: Shared = {
    driver,
    options: resolved,
    knowledge,
    throttle,
    underWay: new UnderWay(),
    closing: null,
  }
  return new Client(new ClientContext(shared, driver.executor), () => close(shared))
}

/** The calls that are under way end first; a second close waits for the first. */
async function close(shared: Shared): Promise<void> {
  shared.closing ??= (async () => {
    await shared.underWay.settled()
    await shared.throttle.flush()
    await shared.driver.close?.()
  })()
  await shared.closing
}

/** @throws CONFIGURATION_INVALID for anything that `createClient` did not make */
export function contextOf(client: PgmqClient): ClientContext {
  const context = (client as { [CONTEXT]?: ClientContext } | undefined)?.[CONTEXT]
  if (!context) throw configurationInvalid('client', 'client is none that createClient made')
  return context
}

class Client<Connection> implements PgmqClient<Connection> {
  readonly queues: QueueAdmin
  readonly deadLetters: DeadLetterAdmin
  readonly [CONTEXT]: ClientContext
  readonly #context: ClientContext
  readonly #enqueuer: Enqueuer
  readonly #leases: Leases
  readonly #close: () => Promise<void>

  constructor(context: ClientContext, close: () => Promise<void>) {
    this[CONTEXT] = this.#context = context
    this.#close = close
    this.#enqueuer = new Enqueuer(context)
    this.#leases = new Leases(context)
    this.queues = new QueueAdmin(context)
    this.deadLetters = new DeadLetterAdmin(context)
  }

  enqueue(...args: Parameters<Enqueuer['one']>): Promise<EnqueueResult<never>> {
    return this.#enqueuer.one(...args) as Promise<EnqueueResult<never>>
  }
  enqueueMany(...args: Parameters<Enqueuer['many']>): Promise<readonly EnqueueResult<never>[]> {
    return this.#enqueuer.many(...args) as Promise<readonly EnqueueResult<never>[]>
  }
  enqueueStream(...args: Parameters<Enqueuer['stream']>): AsyncIterable<readonly EnqueueResult<never>[]> {
    return this.#enqueuer.stream(...args) as AsyncIterable<readonly EnqueueResult<never>[]>
  }
  with(connection: Connection | SqlExecutor): PgmqClient<Connection> {
    const { shared } = this.#context
    // What a transaction borrowed is not its own to close.
    return new Client(new ClientContext(shared, executorOf(shared, connection)), () => Promise.resolve())
  }

  async dequeue(queue: string, options?: DequeueOptions): Promise<Message | null> {
    return (await this.#leases.take(queue, 1, options))[0] ?? null
  }
  dequeueMany(queue: string, options: DequeueOptions & { readonly limit: number }): Promise<readonly Message[]> {
    return this.#leases.take(queue, options.limit, options)
  }
  async archive(message: Lease | MessageRef): Promise<boolean> {
    return (await this.#leases.archive([message])).length > 0
  }
  async delete(message: Lease | MessageRef): Promise<boolean> {
    return (await this.#leases.remove([message])).length > 0
  }
  setVisibility(message: Lease | MessageRef, seconds: number): Promise<boolean> {
    return this.#leases.setVisibility(message, seconds)
  }
  archiveMany(messages: readonly (Lease | MessageRef)[]): Promise<readonly MessageRef[]> {
    return this.#leases.archive(messages)
  }
  deleteMany(messages: readonly (Lease | MessageRef)[]): Promise<readonly MessageRef[]> {
    return this.#leases.remove(messages)
  }
  processWithRetry<R>(
    message: Message,
    processor: (body: JsonValue, context: HandlerContext<Connection, unknown>) => R | Promise<R>,
    options?: ProcessOptions,
  ): Promise<R | null> {
    return this.#context.run(() => processWithRetry(this, this.#context, message, processor, options))
  }

  close(): Promise<void> {
    return this.#close()
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
