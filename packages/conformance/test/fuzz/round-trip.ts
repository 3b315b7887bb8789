import { inspect, isDeepStrictEqual } from 'node:util'
import type { Message, PgmqClient, StoredMessage } from '@pgmq/core'
import { isPgmqError, type PgmqErrorCode } from '@pgmq/core'
import type { Figures } from '../support/figures.js'
import type { Harness } from '../support/harness.js'
import { type Given, type Kept, keptOf } from './jobs.js'

/** Codes that a job may be refused with: all come before anything is written. */
const REFUSALS: readonly PgmqErrorCode[] = ['BODY_NOT_SERIALIZABLE', 'INPUT_INVALID', 'CONFIGURATION_INVALID']

interface Enqueued extends Kept {
  readonly id: string
}

/** Jobs that are enqueued at the same time, so that they share statements: each is taken as it is, or refused. */
export class RoundTrip {
  readonly #h: Pick<Harness, 'sql'>
  readonly #client: PgmqClient
  readonly #queue: string
  readonly #figures: Figures

  constructor(h: Pick<Harness, 'sql'>, client: PgmqClient, queue: string, figures: Figures) {
    this.#h = h
    this.#client = client
    this.#queue = queue
    this.#figures = figures
  }

  async run(jobs: readonly Given[]): Promise<void> {
    await this.#h.sql(`delete from pgmq.q_${this.#queue}`)
    await this.#h.sql(`delete from pgmq.a_${this.#queue}`)
    const results = await Promise.allSettled(jobs.map((job) => this.#enqueue(job)))
    for (const result of results) if (result.status === 'rejected') throw result.reason
    const enqueued = results.flatMap((result) => (result.status === 'fulfilled' && result.value ? [result.value] : []))
    const stored = await this.#stored(enqueued)
    if (stored !== enqueued.length)
      throw new Error(`${enqueued.length} jobs were enqueued, ${stored} are as they were given`)
    const page = await this.#client.queues.peek(this.#queue, { limit: 1_000 })
    same('peek', enqueued, page.items)
    dueAsAsked(enqueued, page.items)
    await this.#h.sql(`update pgmq.q_${this.#queue} set vt = now() - interval '1 second'`)
    const messages = await this.#client.dequeueMany(this.#queue, { limit: 1_000 })
    same('dequeue', enqueued, messages)
    await this.#archive(enqueued, messages)
  }

  async #enqueue(job: Given): Promise<Enqueued | null> {
    const kept = keptOf(job)
    const { task, body, options } = job
    const target = task === undefined ? this.#queue : { queue: this.#queue, name: task }
    try {
      const { id } = await this.#client.enqueue(target, body as never, options)
      if (!kept) throw new Error(`was taken: ${id}`)
      this.#figures.count('kept')
      return { ...kept, id }
    } catch (error) {
      if (kept || !REFUSALS.some((code) => isPgmqError(error, code)))
        throw new Error(`${inspect(job, { depth: 9 })}, to be ${kept ? 'kept' : 'refused'}: ${inspect(error)}`)
      this.#figures.count((error as { code: string }).code)
      return null
    }
  }

  /** How many lie in the queue with the very JSON, and nothing else does: by the database's own comparison. */
  async #stored(enqueued: readonly Enqueued[]): Promise<number> {
    const [row] = await this.#h.sql<{ all: number; same: number }>(
      `select (select count(*)::int from pgmq.q_${this.#queue}) "all", (select count(*)::int
  from unnest($1::bigint[], $2::text[], $3::text[]) g(id, body, headers) join pgmq.q_${this.#queue} q on q.msg_id = g.id
  where q.message = g.body::jsonb and q.headers is not distinct from g.headers::jsonb) same`,
      [
        enqueued.map(({ id }) => id),
        enqueued.map(({ body }) => JSON.stringify(body)),
        enqueued.map(({ headers }) => headers && JSON.stringify(headers)),
      ],
    )
    if (row?.all !== row?.same) throw new Error(`${row?.all} jobs are in the queue, ${row?.same} of them as given`)
    return row?.same ?? 0
  }

  async #archive(enqueued: readonly Enqueued[], messages: readonly Message[]): Promise<void> {
    const archived = await this.#client.archiveMany(messages)
    if (archived.length !== enqueued.length) throw new Error('not all were archived')
    const { items } = await this.#client.queues.archived(this.#queue, { limit: 1_000 })
    same('archive', enqueued, items)
  }
}

function same(where: string, enqueued: readonly Enqueued[], found: readonly StoredMessage[]): void {
  const byId = new Map(found.map((message) => [message.id, message]))
  if (found.length !== enqueued.length) throw new Error(`${where}: ${found.length} of ${enqueued.length}`)
  for (const { id, body, headers } of enqueued) {
    const message = byId.get(id)
    if (!isDeepStrictEqual(message?.body, body) || !isDeepStrictEqual(message?.headers, headers ?? {}))
      throw new Error(`${where}: ${JSON.stringify({ body, headers })} came back as ${JSON.stringify(message)}`)
  }
}

/** PostgreSQL reckons with microseconds, in doubles: beyond the year 2255 they are no longer exact. */
const EXACT_MS = 1
/** From the beginning of the transaction, which `enqueuedAt` tells, to that of its statement. */
const BEGUN_MS = 5_000

function dueAsAsked(enqueued: readonly Enqueued[], found: readonly StoredMessage[]): void {
  const byId = new Map(found.map((message) => [message.id, message]))
  for (const { id, options } of enqueued) {
    const { dueAt, enqueuedAt } = byId.get(id) as StoredMessage
    const { runAt, delaySeconds = 0 } = options
    const asked = runAt ? Math.max(0, runAt.getTime()) : enqueuedAt.getTime() + delaySeconds * 1000
    const lateMs = dueAt.getTime() - asked
    if (lateMs < -EXACT_MS || lateMs > (runAt ? EXACT_MS : BEGUN_MS))
      throw new Error(`${id} is due at ${dueAt.toISOString()}, asked was ${new Date(asked).toISOString()}`)
  }
}
