/** Wakes one waiter. A ring that nobody waits for is kept for the next. */
export class Bell {
  #rung = false
  #wake: (() => void) | null = null

  ring(): void {
    if (this.#wake) this.#wake()
    else this.#rung = true
  }

  /** Resolves at the next ring, or after `timeoutMs`. */
  wait(timeoutMs?: number): Promise<void> {
    if (this.#rung) {
      this.#rung = false
      return Promise.resolve()
    }
    return new Promise((resolve) => {
      const timer = timeoutMs === undefined ? undefined : setTimeout(() => done(), Math.max(0, timeoutMs))
      const done = (): void => {
        clearTimeout(timer)
        this.#wake = null
        resolve()
      }
      this.#wake = done
    })
  }
}
