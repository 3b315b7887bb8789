import type { Measure } from '../plan.js'
import type { Results } from '../results.js'
import { titleOf } from '../rows.js'
import { isMet, targets } from '../targets.js'

/** A figure's column, and how its numbers are written. */
const columns: Readonly<Record<string, { title: string; digits: number }>> = {
  perSecond: { title: 'jobs/s', digits: 0 },
  fifth1: { title: 'first fifth', digits: 0 },
  fifth2: { title: 'second', digits: 0 },
  fifth3: { title: 'third', digits: 0 },
  fifth4: { title: 'fourth', digits: 0 },
  fifth5: { title: 'last fifth', digits: 0 },
  walBytes: { title: 'WAL, bytes/job', digits: 0 },
  transactions: { title: 'transactions/job', digits: 4 },
  peakMb: { title: 'memory, MB', digits: 0 },
  lookMs: { title: 'a look, ms', digits: 1 },
  lateP50: { title: 'late commits, p50 ms', digits: 1 },
  lateP99: { title: 'late commits, p99 ms', digits: 1 },
  p50: { title: 'p50', digits: 2 },
  p99: { title: 'p99', digits: 2 },
  transactionsPerSecond: { title: 'queries/s', digits: 2 },
}

/** Of steady runs the fifths say nothing. */
const shown = (measure: Measure, figure: string): boolean =>
  measure.id.startsWith('held') || !figure.startsWith('fifth')

export function measureTable(measure: Measure, results: Results): string {
  const figures = results.figures(measure.id).filter((figure) => shown(measure, figure))
  const rows = results.rows(measure.id)
  return markdownTable(
    ['', ...figures.map((figure) => columns[figure]?.title ?? figure)],
    rows.map((row) => [
      titleOf(row),
      ...figures.map((figure) => written(results.median(measure.id, row, figure), columns[figure]?.digits ?? 2)),
    ]),
  )
}

export function targetTable(results: Results): string {
  const rows = targets.flatMap((target) => {
    const met = isMet(target, results)
    if (met === null) return []
    const aim = target.atLeast === undefined ? `≤ ${target.atMost}` : `≥ ${target.atLeast}`
    return [[target.measure, target.against, aim, written(target.value(results), 2), met ? 'met' : '**missed**']]
  })
  return markdownTable(['measure', 'against', 'target', 'seen', ''], rows)
}

function written(value: number, digits: number): string {
  if (Number.isNaN(value)) return ''
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

/** Padded, so that a terminal shows it well, too. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(title.length, 3, ...rows.map((row) => (row[i] ?? '').length)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number))).join(' | ')} |`
  const rule = widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [line(head), line(rule), ...rows.map(line)].join('\n')
}
