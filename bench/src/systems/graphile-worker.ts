import { Logger, makeWorkerUtils, run, type WorkerUtils } from 'graphile-worker'
import { type ClientBase, Pool } from 'pg'
import { Books } from './books.js'
import type { Consumer, Job, OnJob, System } from './system.js'

const silent = new Logger(() => () => undefined)

export class GraphileWorker implements System {
  readonly #pool: Pool
  readonly #books: Books
  #utils: Promise<WorkerUtils> | null = null

  constructor(url: string) {
    this.#pool = new Pool({ connectionString: url, max: 20 })
    this.#pool.on('error', () => undefined)
    this.#books = new Books(url)
  }

  get #tools(): Promise<WorkerUtils> {
    this.#utils ??= makeWorkerUtils({ pgPool: this.#pool, logger: silent })
    return this.#utils
  }

  async prepare(): Promise<void> {
    await (await this.#tools).migrate()
  }

  async enqueue(job: Job): Promise<unknown> {
    return await (await this.#tools).addJob('run', job)
  }

  async enqueueMany(jobs: readonly Job[]): Promise<unknown> {
    return await (await this.#tools).addJobs(jobs.map((job) => ({ identifier: 'run', payload: job })))
  }

  enqueueIn(transaction: ClientBase, job: Job): Promise<unknown> {
    return transaction.query('select graphile_worker.add_job($1, $2::json)', ['run', JSON.stringify(job)])
  }

  async consume(handlers: number, onJob: OnJob): Promise<Consumer> {
    const runner = await run({
      pgPool: this.#pool,
      logger: silent,
      noHandleSignals: true,
      taskList: { run: (payload) => onJob(payload as Job) },
      crontab: '',
      preset: {
        worker: {
          concurrentJobs: handlers,
          localQueue: { size: 500 },
          completeJobBatchDelay: 0,
          failJobBatchDelay: 0,
        },
      },
    })
    return { stop: () => runner.stop() }
  }

  left(): Promise<number> {
    return this.#books.count('graphile_worker._private_jobs')
  }

  async kept(): Promise<null> {
    return null
  }

  async close(): Promise<void> {
    await (await this.#utils)?.release()
    await this.#pool.end()
    await this.#books.close()
  }
}
