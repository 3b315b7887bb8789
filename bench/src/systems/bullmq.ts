import { Queue, Worker } from 'bullmq'
import type { Consumer, Job, OnJob, System } from './system.js'

const QUEUE = 'bench'

export class Bull implements System {
  readonly #connection: { host: string; port: number; db: number; maxRetriesPerRequest: null }
  #made: Queue<Job> | null = null

  constructor(url: string) {
    const { hostname, port, pathname } = new URL(url)
    this.#connection = { host: hostname, port: Number(port), db: Number(pathname.slice(1)), maxRetriesPerRequest: null }
  }

  get #queue(): Queue<Job> {
    this.#made ??= new Queue<Job>(QUEUE, {
      connection: this.#connection,
      defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
    })
    return this.#made
  }

  async prepare(): Promise<void> {
    await this.#queue.waitUntilReady()
  }

  enqueue(job: Job): Promise<unknown> {
    return this.#queue.add('run', job)
  }

  enqueueMany(jobs: readonly Job[]): Promise<unknown> {
    return this.#queue.addBulk(jobs.map((data) => ({ name: 'run', data })))
  }

  async consume(handlers: number, onJob: OnJob): Promise<Consumer> {
    const worker = new Worker<Job>(QUEUE, async ({ data }) => await onJob(data), {
      connection: this.#connection,
      concurrency: handlers,
    })
    await worker.waitUntilReady()
    return { stop: () => worker.close() }
  }

  async left(): Promise<number> {
    const counts = await this.#queue.getJobCounts('waiting', 'active', 'delayed', 'prioritized')
    return Object.values(counts).reduce((sum, n) => sum + n, 0)
  }

  async kept(): Promise<null> {
    return null
  }

  async close(): Promise<void> {
    await this.#made?.close()
  }
}
