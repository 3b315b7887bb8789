import { HEADER } from '../headers.js'
import { isJsonObject } from '../json.js'
import type { Message, MessageRef } from '../message.js'
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

/** Dead letters that this worker could not write, until it could: while there are any, it is not ready. */
export class Parked {
  readonly #ids = new Set<string>()

  get size(): number {
    return this.#ids.size
  }
  add(message: MessageRef): void {
    if (this.#ids.size < MOST) this.#ids.add(`${message.queue}/${message.id}`)
  }
  remove(message: MessageRef): void {
    this.#ids.delete(`${message.queue}/${message.id}`)
  }
}

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
