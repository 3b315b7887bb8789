import { configurationInvalid, type PgmqError, pgmqError } from '../errors.js'
import { utf8Length } from '../json.js'
import { DEFAULTS } from '../options.js'
import { type QueueName, queueName } from '../queue-name.js'
import type { EncodedJob } from '../statements/enqueue.js'
import type { TaskFor } from '../task.js'
import type { ClientContext } from './context.js'
import { encodeJob, toRequest } from './encode.js'
import { insert } from './insert.js'
import { chain, type EnqueueRequest } from './middleware.js'
import type { EnqueueOptions, EnqueueResult } from './pgmq-client.js'
import { SharedInsert } from './shared-insert.js'
import { type ChunkOptions, inChunks } from './stream.js'

type Target = TaskFor<object> | string
type OptionsOf = EnqueueOptions | ((input: never, index: number) => EnqueueOptions)

/** The way of a job into its queue: schema, middleware, text, insert. */
export class Enqueuer {
  readonly #context: ClientContext
  readonly #shared = new Map<string, SharedInsert>()
  readonly #send: (jobs: readonly EnqueueRequest[]) => Promise<readonly EnqueueResult[]>

  constructor(context: ClientContext) {
    this.#context = context
    this.#send = chain(context.shared.options.middleware, (jobs) => this.#insertAll(jobs))
  }

  async one(target: Target, input: object, options: EnqueueOptions = {}): Promise<EnqueueResult> {
    return (await this.many(target, [input], options))[0] as EnqueueResult
  }

  /** `first` is the place of the first input in a stream. Up to the text of the jobs it is done in the same turn. */
  many(
    target: Target,
    inputs: readonly object[],
    options: OptionsOf = {},
    first = 0,
  ): Promise<readonly EnqueueResult[]> {
    return this.#context.run(async () => {
      if (inputs.length > DEFAULTS.enqueueManyJobs)
        throw tooLarge(`${inputs.length} jobs are too many for one statement`, DEFAULTS.enqueueManyJobs, 'jobs', CHUNKS)
      const requests: EnqueueRequest[] = []
      for (let index = 0; index < inputs.length; index++) {
        const input = inputs[index] as object
        const own = typeof options === 'function' ? options(input as never, index) : options
        const request = toRequest(target, input, own, first + index)
        // To await what is there already would let the caller change the input before it is text.
        requests.push(request instanceof Promise ? await request : request)
      }
      return requests.length === 0 ? [] : await this.#send(requests)
    })
  }

  stream(
    target: Target,
    inputs: AsyncIterable<object> | Iterable<object>,
    { chunkSize = DEFAULTS.streamChunkSize, signal, ...own }: EnqueueOptions & Partial<ChunkOptions> = {},
  ): AsyncGenerator<readonly EnqueueResult[]> {
    return inChunks(inputs, { chunkSize, signal }, (chunk, first) => this.many(target, chunk, own, first))
  }

  async #insertAll(requests: readonly EnqueueRequest[]): Promise<readonly EnqueueResult[]> {
    const [first] = requests
    if (!first)
      throw configurationInvalid(
        'middleware',
        'middleware passed on no jobs: pass them on, or return their results without calling next',
      )
    const name = first.queue
    const queue = queueName(name, this.#context.shared.options.queuePrefix)
    if (requests.some((request) => request.queue !== name))
      throw configurationInvalid(
        'middleware',
        'middleware sent the jobs of one enqueue to several queues: all go in one statement, so to one queue',
      )
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

const CHUNKS = 'use enqueueStream, which sends them in chunks'

function assertFits(jobs: readonly EncodedJob[]): void {
  const limit = DEFAULTS.enqueueManyBytes
  const units = jobs.reduce((sum, job) => sum + job.length, 0)
  if (units * 3 <= limit) return
  const bytes = jobs.reduce((sum, job) => sum + utf8Length(job), 0)
  if (bytes <= limit) return
  if (jobs.length > 1) throw tooLarge(`${bytes} bytes are too many for one statement`, limit, 'bytes', CHUNKS)
  throw tooLarge(
    `a job of ${bytes} bytes is too large`,
    limit,
    'bytes',
    'keep large data elsewhere, and send where it is',
  )
}

function tooLarge(problem: string, limit: number, unit: string, remedy: string): PgmqError {
  const message = `${problem}: ${limit} ${unit} at most. Nothing was written; ${remedy}`
  return pgmqError('BATCH_TOO_LARGE', message, { limit })
}
