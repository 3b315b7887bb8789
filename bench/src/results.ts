import { type Figures, quantile } from './measures/measure.js'

/** A system of a table, perhaps on another Node.js than the rest. */
export type Row = string

/** What was seen, round by round. */
export class Results {
  readonly #runs = new Map<string, Map<Row, Figures[]>>()

  add(measure: string, row: Row, figures: Figures): void {
    const rows = this.#runs.get(measure) ?? new Map<Row, Figures[]>()
    this.#runs.set(measure, rows)
    rows.set(row, [...(rows.get(row) ?? []), figures])
  }

  /** The rounds of an earlier run, as its JSON has them. */
  addAll(runs: Readonly<Record<string, Readonly<Record<Row, readonly Figures[]>>>>): void {
    for (const [measure, rows] of Object.entries(runs))
      for (const [row, rounds] of Object.entries(rows)) for (const figures of rounds) this.add(measure, row, figures)
  }

  /** The most rounds that a measure had. */
  get rounds(): number {
    return Math.max(0, ...[...this.#runs.values()].flatMap((rows) => [...rows.values()].map(({ length }) => length)))
  }

  /** Of all rounds; `NaN` for what was not measured. */
  median(measure: string, row: Row, figure: string): number {
    const values = (this.#runs.get(measure)?.get(row) ?? []).map((figures) => figures[figure] ?? Number.NaN)
    return values.length === 0 ? Number.NaN : quantile(values, 0.5)
  }

  rows(measure: string): readonly Row[] {
    return [...(this.#runs.get(measure)?.keys() ?? [])]
  }

  figures(measure: string): readonly string[] {
    const runs = [...(this.#runs.get(measure)?.values() ?? [])].flat()
    return [...new Set(runs.flatMap((figures) => Object.keys(figures)))]
  }

  toJSON(): unknown {
    return Object.fromEntries([...this.#runs].map(([measure, rows]) => [measure, Object.fromEntries(rows)]))
  }
}
