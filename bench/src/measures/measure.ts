import type { Stand } from '../stand.js'
import type { SystemName } from '../systems/index.js'

/** Numbers of one run, by name. */
export type Figures = Readonly<Record<string, number>>

export interface Setting {
  readonly stand: Stand
  readonly system: SystemName
  /** The Node.js that runs it. */
  readonly node: string
}

export function quantile(values: readonly number[] | Float64Array, q: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}
