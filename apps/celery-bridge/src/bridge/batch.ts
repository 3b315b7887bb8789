import { isPgmqError, type JsonObject, type PgmqClient, type TaskFor } from '@pgmq/node-pg'
import type pg from 'pg'
import type { CeleryCall } from '../celery/call.js'
import { Refusal } from '../refusal.js'
import type { Bridge } from './bridge.js'
import { judge, type Move } from './judge.js'
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
    const batch = new Batch(bridge, queue, tx)
    for (const message of messages) await batch.judge(message, now)
    await batch.end()
    return { tally: batch.tally, after: messages.length < batchSize ? null : (messages.at(-1)?.id ?? null) }
  })
}

interface MessageToMove extends Move {
  readonly id: string
}

class Batch {
  readonly tally: Tally = emptyTally()
  readonly #bridge: Bridge
  readonly #queue: string
  readonly #tx: pg.PoolClient
  readonly #client: PgmqClient
  readonly #toMove = new Map<TaskFor<JsonObject>, MessageToMove[]>()
  // Ids of those that leave the queue. All others stay as they are.
  readonly #moved: string[] = []
  readonly #expired: string[] = []

  constructor(bridge: Bridge, queue: string, tx: pg.PoolClient) {
    this.#bridge = bridge
    this.#queue = queue
    this.#tx = tx
    this.#client = bridge.client.with(tx)
  }

  async judge({ id, body }: KombuMessage, now: Date): Promise<void> {
    try {
      const verdict = judge(body, this.#bridge.options.routes, now)
      if (verdict.kind === 'expire') return this.#expire(id, verdict.call)
      const sameTask = this.#toMove.get(verdict.task) ?? []
      this.#toMove.set(verdict.task, sameTask)
      sameTask.push({ ...verdict, id })
    } catch (error) {
      await this.#refuse(id, refusalOf(error))
    }
  }

  /** @throws when a message is gone that we had locked: then its job must not be there either */
  async end(): Promise<void> {
    for (const [task, moves] of this.#toMove) await this.#enqueue(task, moves)
    const pgmq = this.#bridge.protocol.with(this.#tx)
    const deleted = await pgmq.delete(this.#queue, this.#moved)
    const archived = await pgmq.archive(this.#queue, this.#expired)
    if (deleted.length === this.#moved.length && archived.length === this.#expired.length) return
    const problem = `messages of "${this.#queue}" did not leave it, so nothing of this batch was moved`
    throw new Error(`${problem}. Has its table a trigger?`)
  }

  /** All at once; where one of them is no input of the task's, which is found before anything is written, one by one. */
  async #enqueue(task: TaskFor<JsonObject>, moves: readonly MessageToMove[]): Promise<void> {
    const inputs = moves.map(({ input }) => input)
    try {
      await this.#client.enqueueMany(task, inputs, (_input, index) => moves[index]?.options ?? {})
      this.#moved.push(...moves.map(({ id }) => id))
      this.tally.moved += moves.length
    } catch (error) {
      const refusal = refusalOf(error)
      const [first, ...others] = moves
      if (first && others.length === 0) return await this.#refuse(first.id, refusal)
      for (const move of moves) await this.#enqueue(task, [move])
    }
  }

  #expire(id: string, call: CeleryCall): void {
    const fields = { queue: this.#queue, id, task: call.task, celeryId: call.id, expires: call.expires }
    this.#bridge.log.info(fields, 'expired, and archived')
    this.#expired.push(id)
    this.tally.expired++
  }

  /**
   * A shared queue has another consumer, which knows more of Celery than we do: what we cannot read is left to it. A whole
   * queue has none, so what stayed in it would be forgotten: it goes where somebody looks, and can be redriven.
   */
  async #refuse(id: string, refusal: Refusal): Promise<void> {
    if (!this.#bridge.options.wholeQueue) {
      this.#bridge.tellOnce(this.#queue, id, refusal.message)
      this.tally.left++
      return
    }
    await deadLetter(this.#tx, this.#queue, id, refusal)
    const fields = { queue: this.#queue, id, reason: refusal.reason }
    this.#bridge.log.warn(fields, `dead-lettered: ${refusal.message}`)
    this.tally.deadLettered++
  }
}

/** What is one message's own fault. Anything else ends the transaction. */
function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  for (const code of ['INPUT_INVALID', 'BODY_NOT_SERIALIZABLE', 'BATCH_TOO_LARGE'] as const)
    if (isPgmqError(error, code)) return new Refusal('invalid_input', error.message, { cause: error })
  throw error
}
