/** A start counts this much slot time by itself, so that handlers which take none are shared by their number. */
const START_MS = 1

/** The slot time that a queue has had, divided by its weight: whoever has had least goes next. */
export class Share {
  readonly #weight: number
  #had = 0
  #running = 0
  #sinceMs = 0

  constructor(weight: number) {
    this.#weight = weight
  }

  /** Until now, what runs included. */
  had(nowMs: number): number {
    return this.#had + (this.#running * (nowMs - this.#sinceMs)) / this.#weight
  }

  /** `least`: what a queue counts as having had that left its part to others. */
  began(nowMs: number, least: number): void {
    this.#upTo(nowMs)
    this.#had = Math.max(this.#had, least) + START_MS / this.#weight
    this.#running++
  }

  ended(nowMs: number): void {
    this.#upTo(nowMs)
    this.#running--
  }

  #upTo(nowMs: number): void {
    this.#had = this.had(nowMs)
    this.#sinceMs = nowMs
  }
}
