import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'

/** The same numbers for the same seed: a run that failed can be run again. */
export class Random {
  readonly #generator: ReturnType<typeof xoroshiro128plus>

  constructor(seed: number) {
    this.#generator = xoroshiro128plus(seed)
  }

  /** A whole number, both ends included. */
  between(from: number, to: number): number {
    return uniformInt(this.#generator, from, to)
  }

  one<T>(of: readonly T[]): T {
    return of[this.between(0, of.length - 1)] as T
  }

  chance(percent: number): boolean {
    return this.between(1, 100) <= percent
  }
}
