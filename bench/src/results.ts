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
