import { setTimeout as sleep } from 'node:timers/promises'
import { fromPg, isPgmqError, type PgmqClientOf } from '@pgmq/node-pg'
import type pg from 'pg'
import { clientOf } from './clients.js'
import { job, renewed } from './handlers.js'
import type { Entry, Fate, Job } from './job.js'
import type { WorkerSettings } from './wire.js'

export type Order = Omit<Job, 'n'>

const AGAIN_MS = 100
const FEED_MS = 10
/** Half of a feed goes by calls of their own, which share statements; the other half by `enqueueMany`. */
const FEED_SIZE = 200
const CHUNK = 1_000
const PATIENCE_MS = 30_000
/** Among the codes of errors: a call that was not answered at all. */
const NO_ANSWER = 'NO_ANSWER'

type ProducerOptions = Pick<WorkerSettings, 'adapter' | 'url' | 'preparedStatements' | 'queryTimeoutSeconds'>

/** Enqueues, and keeps records of what it was told: whatever it was told is committed must be found in the end. */
export class Producer {
  client: PgmqClientOf
  readonly #options: ProducerOptions
  #feeding: Promise<void> | null = null
  #enough = false
  #next = 1
  #told = 0
  readonly entries: Entry[] = []
  /** Errors it was given, by code. */
  readonly errors = new Map<string, number>()

  constructor(options: ProducerOptions) {
    this.#options = options
    this.client = this.#newClient()
  }

  get told(): number {
    return this.#told
  }

  /** One call a job, all at the same time. */
  async each(orders: readonly Order[], task: typeof job = job): Promise<void> {
    await Promise.all(orders.map((order) => this.#call([this.#number(order)], task)))
  }

  /** All in one call. */
  async many(orders: readonly Order[], task: typeof job = job): Promise<void> {
    await this.#call(
      orders.map((order) => this.#number(order)),
      task,
    )
  }

  /** What workers of an older release do not know. */
  async newTask(orders: readonly Order[]): Promise<void> {
    await this.each(orders, renewed)
  }

  /** In a transaction that stays open for a while. They are committed, and told, when it is. */
  async inTransaction(
    connection: pg.PoolClient,
    orders: readonly Order[],
    meanwhile: () => Promise<void>,
  ): Promise<void> {
    const jobs = orders.map((order) => this.#number(order))
    const inside = this.client.with(fromPg(connection))
    const ids: string[] = []
    await connection.query('begin')
    for (let i = 0; i < jobs.length; i += CHUNK)
      ids.push(...(await inside.enqueueMany(job, jobs.slice(i, i + CHUNK))).map(({ id }) => id))
    await meanwhile()
    await connection.query('commit')
    this.#enter(jobs, 'told', (i) => ids[i] ?? null)
    this.#told += jobs.length
  }

  /** Very many, a thousand a call and a few calls at the same time. */
  async burst(count: number): Promise<void> {
    const chunks = Array.from({ length: Math.ceil(count / CHUNK) }, (_, i) => Math.min(CHUNK, count - i * CHUNK))
    const feed = async (): Promise<void> => {
      for (let size = chunks.pop(); size !== undefined; size = chunks.pop())
        await this.many(Array.from({ length: size }, () => ({})))
    }
    await Promise.all(Array.from({ length: 4 }, feed))
  }

  /** Keeps so many jobs ahead of the workers, until `stop`. `finished` tells how many are done. */
  keepAhead(depth: number, finished: () => number, order: () => Order = () => ({})): void {
    this.#feed(async () => {
      const room = depth - (this.#told - finished())
      if (room > 0) await this.#half(Math.min(room, FEED_SIZE), order)
      else await sleep(FEED_MS)
    })
  }

  /** So many jobs a second, whatever becomes of them, until `stop`. */
  atRate(perSecond: () => number, order: () => Order = () => ({})): void {
    let lastMs = performance.now()
    let owed = 0
    this.#feed(async () => {
      const nowMs = performance.now()
      owed = Math.min(owed + (perSecond() * (nowMs - lastMs)) / 1000, 2_000)
      lastMs = nowMs
      const count = Math.floor(owed)
      owed -= count
      if (count > 0) await this.#half(count, order)
      await sleep(FEED_MS)
    })
  }

  /** What a failover took back: the numbers of jobs that no server has. */
  revert(numbers: ReadonlySet<number>): void {
    this.entries.forEach((entry, i) => {
      if (entry.fate === 'told' && numbers.has(entry.n)) this.entries[i] = { ...entry, fate: 'reverted' }
    })
  }

  /** What has been audited. */
  forget(): void {
    this.entries.length = 0
  }

  async stop(): Promise<void> {
    this.#enough = true
    await this.#feeding
    this.#feeding = null
    this.#enough = false
  }

  async close(): Promise<void> {
    await this.stop()
    await this.client.close()
  }

  #feed(step: () => Promise<void>): void {
    if (this.#feeding) throw new Error('the producer feeds already: stop it first')
    this.#feeding = (async () => {
      while (!this.#enough) {
        const before = this.entries.length
        await step()
        const refused = this.entries.length > before && this.entries.at(-1)?.fate !== 'told'
        if (refused) await sleep(AGAIN_MS)
      }
    })()
  }

  async #half(count: number, order: () => Order): Promise<void> {
    const orders = Array.from({ length: count }, order)
    const alone = orders.splice(0, Math.ceil(count / 2))
    await Promise.all([this.each(alone), orders.length > 0 && this.many(orders)])
  }

  #number(order: Order): Job {
    return { ...order, n: this.#next++ }
  }

  async #call(jobs: readonly Job[], task: typeof job): Promise<void> {
    try {
      const results = await this.#answered(
        jobs.length === 1
          ? this.client.enqueue(task, jobs[0] as Job).then((result) => [result])
          : this.client.enqueueMany(task, jobs),
      )
      this.#enter(jobs, 'told', (i) => results[i]?.id ?? null)
      this.#told += jobs.length
    } catch (error) {
      const code = isPgmqError(error) ? error.code : (error as Error).message
      this.errors.set(code, (this.errors.get(code) ?? 0) + 1)
      this.#enter(jobs, code === 'OUTCOME_UNKNOWN' || code === NO_ANSWER ? 'doubt' : 'refused', () => null)
    }
  }

  /** A call that never ends would end the producer: it counts as in doubt, and another client takes over. */
  async #answered<T>(call: Promise<T>): Promise<T> {
    const client = this.client
    const patience = new AbortController()
    const tooLong = sleep(PATIENCE_MS, null, { signal: patience.signal }).then((): never => {
      if (this.client === client) this.client = this.#newClient()
      throw new Error(NO_ANSWER)
    })
    try {
      return await Promise.race([call, tooLong])
    } finally {
      patience.abort()
      tooLong.catch(() => undefined)
    }
  }

  #newClient(): PgmqClientOf {
    const { adapter, url, preparedStatements, queryTimeoutSeconds } = this.#options
    return clientOf(adapter, url, { preparedStatements, queryTimeoutSeconds })
  }

  #enter(jobs: readonly Job[], fate: Fate, idOf: (i: number) => string | null): void {
    jobs.forEach(({ n, harm }, i) => {
      this.entries.push({ n, fate, id: idOf(i), harm: harm ?? null })
    })
  }
}
