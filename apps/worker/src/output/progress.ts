import colors from 'picocolors'
import type { Standing } from '../database/standing.js'
import { count, counted, duration, rate } from './format.js'
import type { Terminal } from './terminal.js'

export interface ProgressMoment {
  readonly standing: Standing
  /** Mails delivered by the time this process began. */
  readonly deliveredBefore: number
  readonly elapsedMs: number
  /** Every job that is leased is leased by somebody else. */
  readonly waitsForOthers: boolean
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
    const { standing, elapsedMs, waitsForOthers } = moment
    if (waitsForOthers && !this.#toldOfOthers) {
      this.#toldOfOthers = true
      this.#terminal.line(waitingFor(standing))
    }
    if (elapsedMs < this.#nextLineMs) return
    this.#nextLineMs = elapsedMs + LINE_INTERVAL_MS
    this.#terminal.line(`${duration(elapsedMs)}: ${figures(moment)}`)
  }
}

/** What an earlier run, or another one, still holds. */
export function waitingFor({ leased, leasedSeconds }: Standing): string {
  const jobs = counted(leased, 'job is', 'jobs are')
  return `${jobs} still leased by a worker that ended, or that runs elsewhere; waiting for at most ${duration(leasedSeconds * 1000)} more`
}

function block(moment: ProgressMoment): string {
  const { standing, waitsForOthers } = moment
  const done = standing.rows - standing.queued
  // What is not read yet cannot be counted, so the bar is about what was read.
  const share = standing.rows === 0 ? 0 : done / standing.rows
  const filled = Math.floor(share * BAR_WIDTH)
  const bar = colors.cyan('█'.repeat(filled)) + colors.dim('░'.repeat(BAR_WIDTH - filled))
  const percent = `${Math.floor(share * 100)} %`.padStart(5)
  const of = `${count(done)} of ${count(standing.rows)}${standing.read ? '' : '+'} rows`
  return [
    `${bar} ${percent}  ${of}`,
    figures(moment),
    ...(waitsForOthers ? [colors.yellow(waitingFor(standing))] : []),
  ].join('\n')
}

function figures({ standing, deliveredBefore, elapsedMs }: ProgressMoment): string {
  const { delivered, retries, dead, bad, waiting, queued } = standing
  return [
    `${count(delivered)} delivered (${rate(delivered - deliveredBefore, elapsedMs)}/s)`,
    counted(retries, 'retry', 'retries'),
    counted(dead, 'dead letter'),
    counted(bad, 'bad row'),
    `${count(queued)} left${waiting > 0 ? `, ${count(waiting)} of them for a later try` : ''}`,
  ].join(' · ')
}
