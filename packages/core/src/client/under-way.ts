/** Calls that have begun and not ended: a close waits for them. */
export class UnderWay {
  #count = 0
  #idle: (() => void)[] = []

  async run<T>(work: () => T | Promise<T>): Promise<T> {
    this.#count++
    try {
      return await work()
    } finally {
      if (--this.#count === 0) for (const resolve of this.#idle.splice(0)) resolve()
    }
  }

  /** Resolves when nothing is under way. */
  settled(): Promise<void> {
    return this.#count === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve))
  }
}
