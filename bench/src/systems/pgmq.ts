import { createClient, createWorker, defineTask, type PgmqClient, type WorkerOptions } from '@pgmq/node-pg'
import type { ClientBase } from 'pg'
import { Books } from './books.js'
import type { Consumer, Job, OnJob, System } from './system.js'

const QUEUE = 'bench'

/** Lets everything pass, as the peers do: what a schema costs is up to the schema. */
const anything = {
  '~standard': {
    version: 1,
    vendor: 'bench',
    validate: (value: unknown) => ({ value: value as Job }),
    types: undefined as unknown as { input: Job; output: Job },
  },
} as const

const run = defineTask({ name: 'run', queue: QUEUE, input: anything })

export interface Variant {
  readonly adapter: '@pgmq/node-pg' | '@pgmq/postgres-js'
  readonly onSuccess: 'archive' | 'delete'
  /** A line for each message and step, to a file that is thrown away. */
  readonly logging: boolean
  readonly notify: boolean
}

/** Ours, through the client and the worker that everybody uses. */
export class Pgmq implements System {
  readonly #client: PgmqClient
  readonly #books: Books
  readonly #onSuccess: 'archive' | 'delete'

  constructor(client: PgmqClient, url: string, onSuccess: Variant['onSuccess']) {
    this.#client = client
    this.#onSuccess = onSuccess
    this.#books = new Books(url)
  }

  static async create(url: string, { adapter, onSuccess, logging, notify }: Variant): Promise<Pgmq> {
    const pino = logging ? (await import('pino')).pino : null
    const options = {
      notify,
      ...(pino && { logger: pino(pino.destination({ dest: '/dev/null', sync: false })) }),
    }
    const client =
      adapter === '@pgmq/node-pg'
        ? createClient(url, options)
        : ((await import('@pgmq/postgres-js')).createClient(url, options) as unknown as PgmqClient)
    return new Pgmq(client, url, onSuccess)
  }

  async prepare(): Promise<void> {
    await this.#client.queues.create(QUEUE)
  }

  enqueue(job: Job): Promise<unknown> {
    return this.#client.enqueue(run, job)
  }

  enqueueMany(jobs: readonly Job[]): Promise<unknown> {
    return this.#client.enqueueMany(run, jobs)
  }

  enqueueIn(transaction: ClientBase, job: Job): Promise<unknown> {
    return this.#client.with(transaction).enqueue(run, job)
  }

  look(): Promise<unknown> {
    return this.#client.dequeue(QUEUE)
  }

  async consume(handlers: number, onJob: OnJob): Promise<Consumer> {
    const options: WorkerOptions<{ run: typeof run }, ClientBase> = {
      client: this.#client,
      tasks: { run },
      handlers: { run: onJob },
      concurrency: handlers,
      queues: { [QUEUE]: { onSuccess: this.#onSuccess } },
    }
    const worker = createWorker(options)
    await worker.start()
    return { stop: () => worker.stop() }
  }

  left(): Promise<number> {
    return this.#books.count(`pgmq.q_${QUEUE}`)
  }

  async kept(): Promise<number | null> {
    return this.#onSuccess === 'archive' ? await this.#books.count(`pgmq.a_${QUEUE}`) : null
  }

  async close(): Promise<void> {
    await this.#client.close()
    await this.#books.close()
  }
}
