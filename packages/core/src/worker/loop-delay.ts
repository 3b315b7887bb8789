const TICK_MS = 500

/** How late the event loop runs its timers: blocked code shows here. */
export class LoopDelay {
  readonly #onTick: (lateMs: number) => void
  #timer: unknown = null
  #expectedMs = 0
  #lastMs = 0
  #currentMs = 0

  constructor(onTick: (lateMs: number) => void) {
    this.#onTick = onTick
  }

  start(): void {
    this.#expectedMs = performance.now() + TICK_MS
    this.#timer = setTimeout(() => this.#tick(), TICK_MS)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  /** The worst of the last two ticks. */
  get ms(): number {
    return Math.round(Math.max(this.#lastMs, this.#currentMs, performance.now() - this.#expectedMs, 0))
  }

  #tick(): void {
    this.#lastMs = this.#currentMs
    this.#currentMs = Math.max(0, performance.now() - this.#expectedMs)
    this.start()
    this.#onTick(this.#currentMs)
  }
}
