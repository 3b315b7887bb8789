import { HEADER } from '../headers.js'
import { isJsonObject } from '../json.js'
import type { Message, MessageRef } from '../message.js'
import { DEFAULTS } from '../options.js'
import type { DeadLetterReason } from '../retry/decide.js'
import type { Verdict } from '../statements/dead-letter.js'

const MOST = 10_000
const REASONS: ReadonlySet<string> = new Set<DeadLetterReason>([
  'retries_exhausted',
  'permanent',
  'invalid_input',
  'unknown_task',
  'timed_out',
  'crash_loop',
])

/** Once it is due again this worker parks it anew, or another has got rid of it. */
const KNOWN_MS = 1.2 * DEFAULTS.parkSeconds * 1000

/** Messages whose end this worker could not write, until it could: while there are any, it is not ready. */
export class Parked {
  readonly #untilMs = new Map<string, number>()

  get size(): number {
    const nowMs = performance.now()
    for (const [id, untilMs] of this.#untilMs) if (untilMs < nowMs) this.#untilMs.delete(id)
    return this.#untilMs.size
  }
  add(message: MessageRef): void {
    if (this.#untilMs.size < MOST) this.#untilMs.set(idOf(message), performance.now() + KNOWN_MS)
  }
  remove(message: MessageRef): void {
    this.#untilMs.delete(idOf(message))
  }
}

const idOf = ({ queue, id }: MessageRef): string => `${queue}/${id}`

/** It succeeded before, and only that could not be written. */
export const isDone = (message: Message): boolean => message.headers[HEADER.done] === true

/** The verdict that a parked message carries: read as foreign input. */
export function verdictOn(message: Message, retryCount: number): Verdict | null {
  const dead = message.headers[HEADER.dead]
  if (
    !isJsonObject(dead) ||
    typeof dead.error !== 'string' ||
    typeof dead.reason !== 'string' ||
    !REASONS.has(dead.reason)
  )
    return null
  return { reason: dead.reason as DeadLetterReason, error: dead.error, retryCount }
}
