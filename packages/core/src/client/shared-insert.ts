import { isPgmqError } from '../errors.js'
import { DEFAULTS } from '../options.js'
import type { QueueName } from '../queue-name.js'
import { isDataError } from '../sql-state.js'
import type { EncodedJob } from '../statements/enqueue.js'
import type { ClientContext } from './context.js'
import { insert } from './insert.js'

interface Waiting {
  readonly job: EncodedJob
  readonly notify: boolean
  readonly resolve: (id: string) => void
  readonly reject: (error: unknown) => void
}

/**
 * Lets concurrent single enqueues into one queue share a statement. A lone call is sent in the same turn of the event
 * loop; while two statements are under way the calls gather, and go when one returns. No timer.
 */
export class SharedInsert {
  readonly #context: ClientContext
  readonly #queue: QueueName
  #waiting: Waiting[] = []
  #inFlight = 0
  #scheduled = false

  constructor(context: ClientContext, queue: QueueName) {
    this.#context = context
    this.#queue = queue
  }

  add(job: EncodedJob, notify: boolean): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ job, notify, resolve, reject })
      this.#schedule()
    })
  }

  #schedule(): void {
    if (this.#scheduled || this.#inFlight >= 2 || this.#waiting.length === 0) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      void this.#flush()
    })
  }

  async #flush(): Promise<void> {
    const batch = this.#take()
    this.#inFlight++
    this.#schedule()
    await this.#send(batch)
    this.#inFlight--
    this.#schedule()
  }

  #take(): Waiting[] {
    let bytes = 0
    let count = 0
    for (const { job } of this.#waiting) {
      bytes += job.length
      if (count > 0 && (count >= DEFAULTS.sharedJobs || bytes > DEFAULTS.sharedBytes)) break
      count++
    }
    return this.#waiting.splice(0, count)
  }

  /** Never rejects. A batch that a bad item may have failed is taken apart, so that each caller gets its own answer. */
  async #send(batch: readonly Waiting[]): Promise<void> {
    try {
      const jobs = batch.map(({ job }) => job)
      const ids = await insert(
        this.#context,
        this.#queue,
        jobs,
        batch.some(({ notify }) => notify),
      )
      for (const [i, { resolve }] of batch.entries()) resolve(ids[i] as string)
    } catch (error) {
      if (batch.length === 1 || !(isDataError(error) || isPgmqError(error, 'FEATURE_UNSUPPORTED'))) {
        for (const { reject } of batch) reject(error)
        return
      }
      const half = batch.length >> 1
      await this.#send(batch.slice(0, half))
      await this.#send(batch.slice(half))
    }
  }
}
