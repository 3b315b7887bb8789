import Table from 'cli-table3'
import pc from 'picocolors'
import type { Balance } from './books.js'
import type { Phase } from './rates.js'
import type { Claim } from './scenario.js'
import type { Adapter } from './wire.js'

export interface Result {
  readonly scenario: string
  readonly adapter: Adapter
  /** Jobs archived a second; null where a scenario has no such phase. */
  readonly rates: Readonly<Record<Phase, number | null>>
  /** From the end of the harm until the rate is back; null: not measured, or not seen. */
  readonly recoverySeconds: number | null
  readonly peakRssMb: number
  readonly balance: Balance
  readonly claims: readonly Claim[]
  /** Of messages that broke a rule. */
  readonly histories: readonly string[]
  readonly producerErrors: Readonly<Record<string, number>>
}

export function passes({ balance, claims }: Result, strict: boolean): boolean {
  return balance.faults.length === 0 && claims.every(({ holds, ofRate }) => holds || (ofRate && !strict))
}

const HEAD = [
  'scenario',
  'adapter',
  'jobs',
  'before/s',
  'during/s',
  'after/s',
  'back in',
  'twice',
  'dead',
  'lost',
  'rss MB',
  '',
]

/** A line for each scenario, in the order in which they ran. */
export function tableOf(results: readonly Result[], strict: boolean): string {
  const right = HEAD.map((_, i) => (i < 2 ? ('left' as const) : ('right' as const)))
  const table = new Table({ head: HEAD, colAligns: right, style: { head: [], border: [], compact: true } })
  for (const result of results) {
    const { balance, rates } = result
    table.push([
      result.scenario,
      result.adapter,
      balance.told,
      ...[rates.baseline, rates.during, rates.after].map((rate) => (rate === null ? '–' : Math.round(rate))),
      result.recoverySeconds === null ? '–' : `${result.recoverySeconds.toFixed(1)} s`,
      balance.duplicates,
      balance.dead,
      balance.lost,
      Math.round(result.peakRssMb),
      passes(result, strict) ? pc.green('ok') : pc.red('FAILED'),
    ])
  }
  return table.toString()
}

/** What held and what did not, and of each message that broke a rule all that is known. */
export function detailsOf(result: Result, strict: boolean): string {
  const lines = result.claims.map(({ what, holds, detail, ofRate }) => {
    const mark = holds ? pc.green('✓') : ofRate && !strict ? pc.yellow('~') : pc.red('✗')
    return `  ${mark} ${what}${detail ? pc.dim(` (${detail})`) : ''}`
  })
  const { told, doubts, refused, faults } = result.balance
  const errors = Object.entries(result.producerErrors).map(([code, count]) => `${code} × ${count}`)
  const refusals = errors.length > 0 ? `, ${doubts} in doubt, ${refused} refused: ${errors.join(', ')}` : ''
  lines.push(
    `  ${faults.length === 0 ? pc.green('✓') : pc.red('✗')} the books balance${pc.dim(` (${told} told${refusals})`)}`,
  )
  for (const { never, ids } of faults) lines.push(pc.red(`    ${never}: ${ids.length}: ${ids.slice(0, 20).join(', ')}`))
  return [...lines, ...result.histories].join('\n')
}
