/** How many cases ended how, to be told at the end. */
export class Figures {
  readonly #what: string
  readonly #counts = new Map<string, number>()

  constructor(what: string) {
    this.#what = what
  }

  count(end: string): void {
    this.#counts.set(end, (this.#counts.get(end) ?? 0) + 1)
  }

  toString(): string {
    const all = [...this.#counts].sort(([, a], [, b]) => b - a)
    return `${this.#what}: ${all.map(([end, count]) => `${end} ${count}`).join(', ')}`
  }
}
