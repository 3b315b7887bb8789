import { setTimeout as sleep } from 'node:timers/promises'

const FIRST_WAIT_MS = 1_000
const LONGEST_WAIT_MS = 15_000

/** A mail server that does not answer, as all mails of a run see it: they wait for it together, longer each time. */
export class MailOutage {
  #reason: string | undefined
  #waitMs = 0
  #untilMs = 0
  #answeredMs = Number.NEGATIVE_INFINITY

  /** Why it is away; `undefined` when it is not. */
  get reason(): string | undefined {
    return this.#reason
  }

  get remainingMs(): number {
    return Math.max(0, this.#untilMs - performance.now())
  }

  /** It spoke about a mail, be it to refuse it. */
  answered(): void {
    this.#reason = undefined
    this.#waitMs = 0
    this.#untilMs = 0
    this.#answeredMs = performance.now()
  }

  hasAnsweredSince(ms: number): boolean {
    return this.#answeredMs > ms
  }

  /** A try that began at `startedMs` got no answer. Of all that fail together, one makes the wait longer. */
  failed(reason: string, startedMs: number): void {
    this.#reason = reason
    if (startedMs < this.#untilMs) return
    this.#waitMs = Math.min(Math.max(2 * this.#waitMs, FIRST_WAIT_MS), LONGEST_WAIT_MS)
    this.#untilMs = performance.now() + this.#waitMs
  }

  /** Waits until it is worth asking again; ends early with the signal. */
  async pause(signal: AbortSignal): Promise<void> {
    if (this.remainingMs > 0) await sleep(this.remainingMs, undefined, { signal }).catch(() => {})
  }
}
