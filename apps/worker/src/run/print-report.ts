import type { Import } from '../database/imports.js'
import { badRowsOf, deadLettersOf, leftoversOf, type Standing } from '../database/standing.js'
import { BAD_ROWS_SHOWN, renderReport } from '../output/report.js'
import type { Run } from './run.js'

interface Since {
  readonly startedMs: number
  readonly deliveredBefore: number
}

export async function printReport(into: Import, standing: Standing, since: Since, run: Run): Promise<void> {
  const { pool, queue, catcher } = run.outfit
  const elapsedMs = performance.now() - since.startedMs
  const [deadLetters, badRows, leftovers] = await Promise.all([
    deadLettersOf(pool, into, queue),
    badRowsOf(pool, into, BAD_ROWS_SHOWN),
    leftoversOf(pool, queue),
  ])
  const report = { deadLetters, badRows, leftovers, standing, elapsedMs, queue, deliveredBefore: since.deliveredBefore }
  run.terminal.line()
  run.terminal.line(renderReport({ ...report, fileName: into.fileName, importId: into.id, caught: catcher?.delivered }))
  run.terminal.line()
}
