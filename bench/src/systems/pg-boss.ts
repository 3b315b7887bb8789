import type { ClientBase } from 'pg'
import { PgBoss } from 'pg-boss'
import { Books } from './books.js'
import type { Consumer, Job, OnJob, System } from './system.js'

const QUEUE = 'bench'
const BATCH = 100

export class Boss implements System {
  readonly #boss: PgBoss
  readonly #books: Books
  #started: Promise<unknown> | null = null

  constructor(url: string) {
    this.#boss = new PgBoss({ connectionString: url, max: 20, useListenNotify: true, schedule: false })
    this.#boss.on('error', () => undefined)
    this.#books = new Books(url)
  }

  async #start(): Promise<PgBoss> {
    this.#started ??= this.#boss.start()
    await this.#started
    return this.#boss
  }

  async prepare(): Promise<void> {
    await (await this.#start()).createQueue(QUEUE, { notify: true })
  }

  async enqueue(job: Job): Promise<unknown> {
    return await (await this.#start()).send(QUEUE, job)
  }

  async enqueueMany(jobs: readonly Job[]): Promise<unknown> {
    return await (await this.#start()).insert(
      QUEUE,
      jobs.map((data) => ({ data })),
    )
  }

  async enqueueIn(transaction: ClientBase, job: Job): Promise<unknown> {
    const db = { executeSql: (text: string, values?: unknown[]) => transaction.query(text, values) }
    return await (await this.#start()).send(QUEUE, job, { db })
  }

  async consume(handlers: number, onJob: OnJob): Promise<Consumer> {
    const boss = await this.#start()
    const options = {
      batchSize: BATCH,
      localConcurrency: handlers,
      pollingIntervalSeconds: 0.5,
      burstWhenBatchFull: true,
    }
    await boss.work<Job>(QUEUE, options, async (jobs) => {
      for (const { data } of jobs) await onJob(data)
    })
    return { stop: () => boss.offWork(QUEUE, { wait: true }) }
  }

  left(): Promise<number> {
    return this.#books.count('pgboss.job', `name = '${QUEUE}' and state < 'completed'`)
  }

  kept(): Promise<number> {
    return this.#books.count('pgboss.job', `name = '${QUEUE}' and state = 'completed'`)
  }

  async close(): Promise<void> {
    if (this.#started) await this.#boss.stop({ graceful: true, timeout: 10_000 })
    await this.#books.close()
  }
}
