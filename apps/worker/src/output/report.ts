import Table from 'cli-table3'
import colors from 'picocolors'
import type { BadRowEntry, DeadLetterGroup, Leftovers, Standing } from '../database/standing.js'
import { missing } from '../database/standing.js'
import { count, counted, duration, printable, rate, shortened } from './format.js'

/** What the table at the end is made of, all of it read from PostgreSQL but the time and what was caught. */
export interface Report {
  readonly fileName: string
  readonly importId: string
  readonly queue: string
  readonly standing: Standing
  readonly deliveredBefore: number
  readonly elapsedMs: number
  readonly deadLetters: readonly DeadLetterGroup[]
  readonly badRows: readonly BadRowEntry[]
  readonly leftovers: Leftovers
  /** Mails that the catching server took in this run, by address. */
  readonly caught: ReadonlyMap<string, number> | undefined
}

/** So many bad rows are shown. */
export const BAD_ROWS_SHOWN = 10
const ERROR_LENGTH = 44

type Cells = readonly [string, string | number, string]

const plain = { head: [] as string[], border: [] as string[], compact: true }

export function renderReport(report: Report): string {
  const parts = [mainTable(report)]
  if (report.deadLetters.length > 0) parts.push('', deadLetterTable(report.deadLetters))
  if (report.badRows.length > 0) parts.push('', badRowTable(report))
  return parts.join('\n')
}

function mainTable({ standing, deliveredBefore, elapsedMs, leftovers, caught, queue, ...report }: Report): string {
  const unaccounted = missing(standing) + standing.queued
  const now = standing.delivered - deliveredBefore
  const rows: (Cells | 'line')[] = [
    [
      'Rows',
      standing.rows,
      `of ${printable(report.fileName)}, import ${report.importId}${standing.read ? '' : ', not read to its end'}`,
    ],
    [
      'Mails delivered',
      standing.delivered,
      deliveredBefore > 0 ? `${count(deliveredBefore)} of them by an earlier run` : '',
    ],
    ['Dead letters', standing.dead, ''],
    ['Bad rows', standing.bad, ''],
    ['Not accounted for', unaccounted, unaccountedNote(standing)],
    'line',
    ['Retries', standing.retries, ''],
    ['Time', duration(elapsedMs), ''],
    ['Rate', rate(now, elapsedMs), 'mails per second'],
    ...(caught ? [caughtRow(caught)] : []),
    'line',
    [`In queue ${queue}`, leftovers.queue, 'of all imports so far'],
    ['In its archive', leftovers.archive, ''],
    [`In ${queue}_dlq`, leftovers.deadLetters, ''],
  ]
  return tableOf(rows)
}

function caughtRow(caught: ReadonlyMap<string, number>): Cells {
  const total = [...caught.values()].reduce((sum, n) => sum + n, 0)
  const twice = [...caught.values()].filter((n) => n > 1).length
  return [
    'Mails caught',
    total,
    `for ${counted(caught.size, 'address', 'addresses')}${twice > 0 ? `, ${count(twice)} of them more than once` : ''}`,
  ]
}

function unaccountedNote(standing: Standing): string {
  const gone = missing(standing)
  if (standing.queued > 0) return `${count(standing.queued)} still in the queue`
  return gone > 0 ? 'neither delivered nor anywhere in the queue' : ''
}

function tableOf(rows: readonly (Cells | 'line')[]): string {
  const groups: Cells[][] = [[]]
  for (const row of rows) {
    if (row === 'line') groups.push([])
    else groups.at(-1)?.push(row)
  }
  const table = new Table({ style: plain, colAligns: ['left', 'right', 'left'] })
  for (const [i, group] of groups.entries()) {
    if (i > 0) table.push(['', '', ''])
    for (const [name, value, note] of group) {
      table.push([name, colors.bold(typeof value === 'number' ? count(value) : value), colors.dim(note)])
    }
  }
  return table.toString()
}

function deadLetterTable(groups: readonly DeadLetterGroup[]): string {
  const table = new Table({ style: plain, head: ['Dead letters', 'Why', 'Error', 'For example'], colAligns: ['right'] })
  for (const { reason, error, count: number, examples } of groups) {
    table.push([count(number), reason, shortened(error, ERROR_LENGTH), shortened(examples[0] ?? '', 40)])
  }
  return table.toString()
}

function badRowTable({ badRows, standing }: Report): string {
  const table = new Table({ style: plain, head: ['Line', 'Bad row'], colAligns: ['right'] })
  for (const { line, problem } of badRows) table.push([count(line), shortened(problem, 80)])
  if (standing.bad > badRows.length) table.push(['…', `and ${count(standing.bad - badRows.length)} more`])
  return table.toString()
}
