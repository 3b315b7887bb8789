import { LONGEST_TIMER_MS } from '../checks.js'
import type { Delivery } from './delivery.js'

interface Due {
  readonly delivery: Delivery
  readonly atMs: number
}

/** One timer for all handlers, set to the first that is due: jobs that end in time, as nearly all do, cost no timer. */
export class Timeouts {
  readonly #expire: (delivery: Delivery) => void
  readonly #running = new Map<Delivery, number>()
  #timer: unknown = null
  #armedMs = Number.POSITIVE_INFINITY

  constructor(expire: (delivery: Delivery) => void) {
    this.#expire = expire
  }

  watch(delivery: Delivery, atMs: number): void {
    this.#running.set(delivery, atMs)
    if (atMs < this.#armedMs) this.#arm(atMs)
  }

  forget(delivery: Delivery): void {
    this.#running.delete(delivery)
  }

  stop(): void {
    this.#running.clear()
    clearTimeout(this.#timer)
  }

  #arm(atMs: number): void {
    clearTimeout(this.#timer)
    this.#armedMs = atMs
    // A longer wait is taken in steps.
    this.#timer = setTimeout(() => this.#check(), Math.min(Math.max(0, atMs - performance.now()), LONGEST_TIMER_MS))
  }

  #check(): void {
    const nowMs = performance.now()
    this.#armedMs = Number.POSITIVE_INFINITY
    const due: Due[] = []
    let nextMs = Number.POSITIVE_INFINITY
    for (const [delivery, atMs] of this.#running) {
      if (atMs <= nowMs) due.push({ delivery, atMs })
      else nextMs = Math.min(nextMs, atMs)
    }
    for (const { delivery } of due) {
      this.#running.delete(delivery)
      this.#expire(delivery)
    }
    if (nextMs < this.#armedMs) this.#arm(nextMs)
  }
}
