import { createClient } from '@pgmq/node-pg'
import { type ClientBase, Pool } from 'pg'
import { Books } from './books.js'
import { ownStatements, QUEUE, type Statements } from './own-statements.js'
import type { Consumer, Job, OnJob, System } from './system.js'

const BATCH = 500
const READERS = 2

/** Statements without a worker around them: what a worker costs is the difference to this. */
export class BareLoop implements System {
  protected readonly pool: Pool
  readonly #books: Books
  readonly #onSuccess: 'archive' | 'delete'
  readonly #statements: 'ours' | 'upstream'

  constructor(url: string, statements: 'ours' | 'upstream', onSuccess: 'archive' | 'delete') {
    this.pool = new Pool({ connectionString: url, max: 16 })
    this.#books = new Books(url)
    this.#onSuccess = onSuccess
    this.#statements = statements
  }

  async prepare(): Promise<void> {
    if (this.#statements === 'ours') await createClient(this.pool).queues.create(QUEUE)
    else await this.pool.query('select pgmq.create($1)', [QUEUE])
  }

  enqueue(job: Job): Promise<unknown> {
    return this.pool.query({
      name: 'send',
      text: 'select pgmq.send($1, $2::jsonb)',
      values: [QUEUE, JSON.stringify(job)],
    })
  }

  enqueueIn(transaction: ClientBase, job: Job): Promise<unknown> {
    return transaction.query('select pgmq.send($1, $2::jsonb)', [QUEUE, JSON.stringify(job)])
  }

  enqueueMany(jobs: readonly Job[]): Promise<unknown> {
    return this.pool.query({
      name: 'send_batch',
      text: 'select pgmq.send_batch($1, $2::jsonb[])',
      // The same bytes as ours, whose jobs name their task.
      values: [QUEUE, jobs.map((job) => JSON.stringify({ ...job, task: 'run' }))],
    })
  }

  look(): Promise<unknown> {
    return this.pool.query('select from pgmq.read($1, 30, 1)', [QUEUE])
  }

  async consume(_handlers: number, onJob: OnJob): Promise<Consumer> {
    const statements =
      this.#statements === 'ours' ? await ownStatements(this.pool, this.#onSuccess, BATCH) : upstreamStatements
    let stopped = false
    const reader = async (): Promise<void> => {
      const connection = await this.pool.connect()
      let floor: string | null = null
      while (!stopped) {
        const step = await statements.step(connection, floor)
        if (step.jobs.length === 0) {
          floor = null
          await new Promise((resolve) => setTimeout(resolve, 5))
          continue
        }
        floor = step.floor
        for (const job of step.jobs) void onJob(job)
        await step.settle()
      }
      connection.release()
    }
    const readers = Array.from({ length: READERS }, reader)
    return {
      stop: async () => {
        stopped = true
        await Promise.all(readers)
      },
    }
  }

  left(): Promise<number> {
    return this.#books.count(`pgmq.q_${QUEUE}`)
  }

  async kept(): Promise<number | null> {
    return this.#onSuccess === 'archive' ? await this.#books.count(`pgmq.a_${QUEUE}`) : null
  }

  async close(): Promise<void> {
    await this.pool.end()
    await this.#books.close()
  }
}

const upstreamStatements: Statements = {
  async step(on) {
    const { rows } = await on.query<{ msg_id: string; message: Job }>({
      name: 'read',
      text: 'select msg_id, message from pgmq.read($1, 30, $2)',
      values: [QUEUE, BATCH],
    })
    const ids = rows.map(({ msg_id }) => msg_id)
    return {
      jobs: rows.map(({ message }) => message),
      floor: null,
      settle: () => on.query({ name: 'archive', text: 'select pgmq.archive($1, $2::bigint[])', values: [QUEUE, ids] }),
    }
  },
}
