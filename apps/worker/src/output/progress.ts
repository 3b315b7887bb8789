import colors from 'picocolors'
import type { Standing } from '../database/standing.js'
import { count, counted, duration, rate, shortened } from './format.js'
import type { Terminal } from './terminal.js'

export interface ProgressMoment {
  readonly standing: Standing
  /** Mails delivered by the time this process began. */
  readonly deliveredBefore: number
  readonly elapsedMs: number
  /** Nothing runs here, and what is leased was leased before this run began. */
  readonly waitsForOthers: boolean
  /** The mail server does not answer. */
  readonly outage: { readonly reason: string | undefined; readonly remainingMs: number }
}

const LINE_INTERVAL_MS = 2_000
const BAR_WIDTH = 28

/** On a terminal a bar that is redrawn, elsewhere a line every now and then. */
export class Progress {
  readonly #terminal: Terminal
  #nextLineMs = LINE_INTERVAL_MS
  #toldOfOthers = false

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  show(moment: ProgressMoment): void {
    if (this.#terminal.isInteractive) return this.#terminal.status(block(moment))
    const { standing, elapsedMs, waitsForOthers, outage } = moment
    if (waitsForOthers && !this.#toldOfOthers) {
      this.#toldOfOthers = true
      this.#terminal.line(waitingFor(standing))
    }
    if (elapsedMs < this.#nextLineMs) return
    this.#nextLineMs = elapsedMs + LINE_INTERVAL_MS
    this.#terminal.line(
      `${duration(elapsedMs)}: ${figures(moment)} · ${count(standing.queued)} left${laterOf(standing)}${outage.reason === undefined ? '' : ` · ${outageOf(outage)}`}`,
    )
  }
}

function outageOf({ reason = '', remainingMs }: ProgressMoment['outage']): string {
  return `the mail server does not answer (${shortened(reason, 60)}): waiting, asked again in ${duration(remainingMs)}`
}

/** What an earlier run, or another one, still holds. */
export function waitingFor({ leased, leasedSeconds }: Standing): string {
  const jobs = counted(leased, 'job is still', 'jobs are still')
  const atMost = duration(leasedSeconds * 1000)
  return `${jobs} leased by a worker that ended, or runs elsewhere: back in ${atMost} at most`
}

function block(moment: ProgressMoment): string {
  const { standing, waitsForOthers, outage } = moment
  const done = standing.rows - standing.queued
  // What is not read yet cannot be counted, so the bar is about what was read.
  const share = standing.rows === 0 ? 0 : done / standing.rows
  const filled = Math.floor(share * BAR_WIDTH)
  const bar = colors.cyan('█'.repeat(filled)) + colors.dim('░'.repeat(BAR_WIDTH - filled))
  const percent = `${Math.floor(share * 100)} %`.padStart(5)
  const rows = `${count(done)} of ${count(standing.rows)}${standing.read ? '' : '+'} rows`
  const lines = [`${bar} ${percent}  ${rows}${laterOf(standing)}`, figures(moment)]
  if (waitsForOthers) lines.push(colors.yellow(waitingFor(standing)))
  if (outage.reason !== undefined) lines.push(colors.yellow(outageOf(outage)))
  return lines.join('\n')
}

function figures({ standing, deliveredBefore, elapsedMs }: ProgressMoment): string {
  const { delivered, retries, dead, bad } = standing
  return [
    `${count(delivered)} delivered`,
    `${rate(delivered - deliveredBefore, elapsedMs)}/s`,
    counted(retries, 'retry', 'retries'),
    counted(dead, 'dead letter'),
    counted(bad, 'bad row'),
  ].join(' · ')
}

function laterOf({ waiting }: Standing): string {
  return waiting > 0 ? `, ${count(waiting)} to be tried again later` : ''
}
