import { isPgmqError, type PgmqClient } from '@pgmq/node-pg'
import type pg from 'pg'
import type { CeleryCall } from '../celery/call.js'
import { Refusal } from '../refusal.js'
import type { Bridge } from './bridge.js'
import { judge } from './judge.js'
import { deadLetter, type KombuMessage, pick } from './kombu-queue.js'
import { emptyTally, type Tally } from './tally.js'
import { inTransaction } from './transaction.js'

export interface BatchResult {
  readonly tally: Readonly<Tally>
  /** Where the next batch begins; `null` when the end of the queue is reached. */
  readonly after: string | null
}

/** Moves a batch, in one transaction: each message is in its old queue or in its new one, whatever crashes. */
export async function moveBatch(bridge: Bridge, queue: string, after: string): Promise<BatchResult> {
  const { pool, routes, wholeQueue, batchSize } = bridge.options
  const tasks = wholeQueue ? null : [...routes.keys()]
  return await inTransaction(pool, async (tx) => {
    const { messages, now } = await pick(tx, queue, { tasks, after, limit: batchSize })
    const batch = new Batch(bridge, queue, tx, now)
    for (const message of messages) batch.tally[await batch.settle(message)]++
    await batch.end()
    return { tally: batch.tally, after: messages.length < batchSize ? null : (messages.at(-1)?.id ?? null) }
  })
}

class Batch {
  readonly tally: Tally = emptyTally()
  readonly #bridge: Bridge
  readonly #queue: string
  readonly #tx: pg.PoolClient
  readonly #client: PgmqClient
  readonly #protocol: Bridge['protocol']
  /** By the database's clock. */
  readonly #now: Date
  // Ids of those that leave the queue. All others stay as they are.
  readonly #moved: string[] = []
  readonly #expired: string[] = []

  constructor(bridge: Bridge, queue: string, tx: pg.PoolClient, now: Date) {
    this.#bridge = bridge
    this.#queue = queue
    this.#tx = tx
    this.#client = bridge.client.with(tx)
    this.#protocol = bridge.protocol.with(tx)
    this.#now = now
  }

  async settle(message: KombuMessage): Promise<keyof Tally> {
    try {
      const verdict = judge(message.body, this.#bridge.options.routes, this.#now)
      if (verdict.kind === 'expire') return this.#expire(message, verdict.call)
      await this.#client.enqueue(verdict.task, verdict.input, verdict.options)
      this.#moved.push(message.id)
      return 'moved'
    } catch (error) {
      return await this.#refuse(message, refusalOf(error))
    }
  }

  /** @throws when a message is gone that we had locked: then its job must not be there either */
  async end(): Promise<void> {
    const deleted = await this.#protocol.delete(this.#queue, this.#moved)
    const archived = await this.#protocol.archive(this.#queue, this.#expired)
    if (deleted.length === this.#moved.length && archived.length === this.#expired.length) return
    const problem = `messages of "${this.#queue}" did not leave it, so nothing of this batch was moved`
    throw new Error(`${problem}. Has its table a trigger?`)
  }

  #expire(message: KombuMessage, { task, id, expires }: CeleryCall): 'expired' {
    this.#bridge.log.info({ queue: this.#queue, id: message.id, task, celeryId: id, expires }, 'expired, and archived')
    this.#expired.push(message.id)
    return 'expired'
  }

  /**
   * A shared queue has another consumer, which knows more of Celery than we do: what we cannot read is left to it. A whole
   * queue has none, so what stayed in it would be forgotten: it goes where somebody looks, and can be redriven.
   */
  async #refuse({ id }: KombuMessage, refusal: Refusal): Promise<'left' | 'deadLettered'> {
    if (!this.#bridge.options.wholeQueue) {
      this.#bridge.tellOnce(this.#queue, id, refusal.message)
      return 'left'
    }
    await deadLetter(this.#tx, this.#queue, id, refusal)
    const fields = { queue: this.#queue, id, reason: refusal.reason }
    this.#bridge.log.warn(fields, `dead-lettered: ${refusal.message}`)
    return 'deadLettered'
  }
}

/** What is one message's own fault. Anything else ends the transaction. */
function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  for (const code of ['INPUT_INVALID', 'BODY_NOT_SERIALIZABLE', 'BATCH_TOO_LARGE'] as const)
    if (isPgmqError(error, code)) return new Refusal('invalid_input', error.message, { cause: error })
  throw error
}
