import { wholeNumber } from '../checks.js'
import { isPgmqError, type PgmqError, PgmqErrorOf } from '../errors.js'
import { DEFAULTS } from '../options.js'
import { unlessAborted } from './pause.js'
import type { EnqueueResult } from './pgmq-client.js'

export interface ChunkOptions {
  readonly chunkSize: number
  readonly signal: AbortSignal | undefined
}

/** Enqueues a chunk; `first` is the place of its first input in the stream. */
type Send = (chunk: readonly object[], first: number) => Promise<readonly EnqueueResult[]>

/** Sends a source of any length, one chunk at a time, each all or none. Reads nothing before it is iterated. */
export async function* inChunks(
  inputs: AsyncIterable<object> | Iterable<object>,
  { chunkSize, signal }: ChunkOptions,
  send: Send,
): AsyncGenerator<readonly EnqueueResult[]> {
  wholeNumber('chunkSize', chunkSize, 1, DEFAULTS.enqueueManyJobs)
  const source = new Source(inputs, signal)
  let committed = 0
  try {
    while (!source.done) {
      const parts = [await source.take(chunkSize)]
      for (let part = parts.shift(); part && part.length > 0; part = parts.shift()) {
        const results = await sendOrNull(part, committed, send)
        // Too large for one statement.
        if (results === null) {
          const half = part.length >> 1
          parts.unshift(part.slice(0, half), part.slice(half))
          continue
        }
        committed += part.length
        yield results
      }
    }
  } finally {
    await source.close()
  }
}

async function sendOrNull(
  chunk: readonly object[],
  committed: number,
  send: Send,
): Promise<readonly EnqueueResult[] | null> {
  try {
    return await send(chunk, committed)
  } catch (error) {
    if (chunk.length > 1 && isPgmqError(error, 'BATCH_TOO_LARGE')) return null
    throw committed > 0 && isPgmqError(error) ? afterCommitted(error, committed) : error
  }
}

/** To make the call again as it was would enqueue the first jobs twice. */
function afterCommitted(error: PgmqError, committed: number): PgmqError {
  const message = `${committed} jobs of the stream were committed before one chunk failed: ${error.message}`
  return new PgmqErrorOf(error.code, message, error.details, error, false) as PgmqError
}

/** An iterable that is read piece by piece, until it ends or the signal aborts. */
class Source {
  readonly #iterator: AsyncIterator<object> | Iterator<object>
  readonly #signal: AbortSignal | undefined
  done = false

  constructor(inputs: AsyncIterable<object> | Iterable<object>, signal: AbortSignal | undefined) {
    this.#iterator = Symbol.asyncIterator in inputs ? inputs[Symbol.asyncIterator]() : inputs[Symbol.iterator]()
    this.#signal = signal
  }

  /** So many, or what is left. */
  async take(count: number): Promise<readonly object[]> {
    const taken: object[] = []
    while (taken.length < count) {
      const next = await unlessAborted(this.#next(), this.#signal)
      if (next === null) break
      taken.push(next)
    }
    this.#signal?.throwIfAborted()
    return taken
  }

  async #next(): Promise<object | null> {
    try {
      const next: IteratorResult<object | PromiseLike<object>, unknown> = await this.#iterator.next()
      if (!next.done) return await next.value
    } catch (error) {
      this.done = true
      throw error
    }
    this.done = true
    return null
  }

  /** Lets go of a source that has not ended. One that hangs does not hold up an abort. */
  async close(): Promise<void> {
    if (this.done) return
    const closing = (async () => await this.#iterator.return?.())().catch(() => undefined)
    if (!this.#signal?.aborted) await closing
  }
}
