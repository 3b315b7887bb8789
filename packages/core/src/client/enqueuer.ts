import { isPgmqError, type PgmqError, PgmqErrorOf, pgmqError } from '../errors.js'
import { utf8Length } from '../json.js'
import { DEFAULTS, wholeNumber } from '../options.js'
import { type QueueName, queueName } from '../queue-name.js'
import type { EncodedJob } from '../statements/enqueue.js'
import type { TaskFor } from '../task.js'
import type { ClientContext } from './context.js'
import { encodeJob, toRequest } from './encode.js'
import { insert } from './insert.js'
import { chain, type EnqueueRequest } from './middleware.js'
import type { EnqueueOptions, EnqueueResult } from './pgmq-client.js'
import { SharedInsert } from './shared-insert.js'

type Target = TaskFor<object> | string
type OptionsOf = EnqueueOptions | ((input: never, index: number) => EnqueueOptions)

/** The way of a job into its queue: schema, middleware, text, insert. */
export class Enqueuer {
  readonly #context: ClientContext
  readonly #shared = new Map<string, SharedInsert>()
  #calls = 0
  #idle: (() => void)[] = []
  readonly #send: (jobs: readonly EnqueueRequest[]) => Promise<readonly EnqueueResult[]>

  constructor(context: ClientContext) {
    this.#context = context
    this.#send = chain(context.shared.options.middleware, (jobs) => this.#insertAll(jobs))
  }

  async one(target: Target, input: object, options: EnqueueOptions = {}): Promise<EnqueueResult> {
    this.#context.assertOpen()
    this.#calls++
    try {
      const request = await toRequest(target, input, options, 0)
      return (await this.#send([request]))[0] as EnqueueResult
    } finally {
      this.#ended()
    }
  }

  async many(target: Target, inputs: readonly object[], options: OptionsOf = {}): Promise<readonly EnqueueResult[]> {
    this.#context.assertOpen()
    if (inputs.length > DEFAULTS.enqueueManyJobs)
      throw tooLarge(`${inputs.length} jobs`, DEFAULTS.enqueueManyJobs, 'jobs')
    this.#calls++
    try {
      const requests: EnqueueRequest[] = []
      for (const [index, input] of inputs.entries()) {
        const own = typeof options === 'function' ? options(input as never, index) : options
        const request = toRequest(target, input, own, index)
        requests.push(request instanceof Promise ? await request : request)
      }
      return requests.length === 0 ? [] : await this.#send(requests)
    } finally {
      this.#ended()
    }
  }

  async *stream(
    target: Target,
    inputs: AsyncIterable<object> | Iterable<object>,
    options: EnqueueOptions & { readonly chunkSize?: number; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<readonly EnqueueResult[]> {
    const { chunkSize = DEFAULTS.streamChunkSize, signal, ...own } = options
    wholeNumber('chunkSize', chunkSize, 1)
    let committed = 0
    let chunk: object[] = []
    const flush = async (): Promise<readonly EnqueueResult[]> => {
      signal?.throwIfAborted()
      const results = await this.many(target, chunk, own).catch((error: unknown) => {
        throw isPgmqError(error) ? afterCommitted(error, committed) : error
      })
      committed += results.length
      chunk = []
      return results
    }
    for await (const input of inputs) {
      chunk.push(input)
      if (chunk.length >= chunkSize) yield await flush()
    }
    if (chunk.length > 0) yield await flush()
  }

  /** Resolves when no enqueue is under way. */
  settled(): Promise<void> {
    return this.#calls === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve))
  }

  #ended(): void {
    if (--this.#calls === 0) for (const resolve of this.#idle.splice(0)) resolve()
  }

  async #insertAll(requests: readonly EnqueueRequest[]): Promise<readonly EnqueueResult[]> {
    const name = requests[0]?.queue ?? ''
    // Not whether the client is open: what was begun before it closed is done.
    const queue = queueName(name, this.#context.shared.options.queuePrefix)
    if (requests.some((request) => request.queue !== name)) {
      throw new TypeError(
        'middleware sent the jobs of one enqueue to several queues: all go in one statement, so to one queue',
      )
    }
    const jobs = requests.map(encodeJob)
    const notify = requests.some(({ options }) => options.notify ?? this.#context.shared.options.notify)
    assertFits(jobs)
    const ids =
      jobs.length === 1 && this.#context.pooled
        ? [await this.#sharedInsert(queue).add(jobs[0] as EncodedJob, notify)]
        : await insert(this.#context, queue, jobs, notify)
    this.#log(name, ids)
    return ids.map((id) => ({ queue: name, id, status: 'enqueued' }))
  }

  #sharedInsert(queue: QueueName): SharedInsert {
    let shared = this.#shared.get(queue.logical)
    if (!shared) {
      shared = new SharedInsert(this.#context, queue)
      this.#shared.set(queue.logical, shared)
    }
    return shared
  }

  #log(queue: string, ids: readonly string[]): void {
    const { logger } = this.#context.shared.options
    if (logger) for (const id of ids) logger.info({ queue, id }, `Enqueued message ${id} to queue '${queue}'`)
  }
}

function assertFits(jobs: readonly EncodedJob[]): void {
  const limit = DEFAULTS.enqueueManyBytes
  const units = jobs.reduce((sum, job) => sum + job.length, 0)
  if (units * 3 <= limit) return
  const bytes = jobs.reduce((sum, job) => sum + utf8Length(job), 0)
  if (bytes > limit) throw tooLarge(`${bytes} bytes`, limit, 'bytes')
}

function tooLarge(given: string, limit: number, unit: string): PgmqError {
  return pgmqError(
    'BATCH_TOO_LARGE',
    `${given} are too many for one statement: ${limit} ${unit} at most. Nothing was written; use enqueueStream, which sends them in chunks`,
    { limit },
  )
}

function afterCommitted(error: PgmqError, committed: number): PgmqError {
  return new PgmqErrorOf(
    error.code,
    `${error.message} (${committed} jobs were committed before)`,
    error.details,
    error,
  ) as PgmqError
}
