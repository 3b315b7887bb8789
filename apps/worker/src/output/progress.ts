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
    this.#terminal.line(
      `${duration(elapsedMs)}: ${figures(moment)} · ${count(standing.queued)} left${laterOf(standing)}`,
    )
  }
}

/** What an earlier run, or another one, still holds. */
export function waitingFor({ leased, leasedSeconds }: Standing): string {
  const jobs = counted(leased, 'job is still', 'jobs are still')
  const atMost = duration(leasedSeconds * 1000)
  return `${jobs} leased by a worker that ended, or runs elsewhere: back in ${atMost} at most`
}

function block(moment: ProgressMoment): string {
  const { standing, waitsForOthers } = moment
  const done = standing.rows - standing.queued
  // What is not read yet cannot be counted, so the bar is about what was read.
  const share = standing.rows === 0 ? 0 : done / standing.rows
  const filled = Math.floor(share * BAR_WIDTH)
  const bar = colors.cyan('█'.repeat(filled)) + colors.dim('░'.repeat(BAR_WIDTH - filled))
  const percent = `${Math.floor(share * 100)} %`.padStart(5)
  const rows = `${count(done)} of ${count(standing.rows)}${standing.read ? '' : '+'} rows`
  const lines = [`${bar} ${percent}  ${rows}${laterOf(standing)}`, figures(moment)]
  return [...lines, ...(waitsForOthers ? [colors.yellow(waitingFor(standing))] : [])].join('\n')
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
