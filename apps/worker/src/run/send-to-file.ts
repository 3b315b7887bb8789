import { setTimeout as sleep } from 'node:timers/promises'
import { type Import, markFinished } from '../database/imports.js'
import { isOutage, throughOutages } from '../database/outage.js'
import { isAccountedFor, missing, readStanding, type Standing } from '../database/standing.js'
import { Failure } from '../failure.js'
import { serverOf } from '../mail/mailer.js'
import { count, counted, printable } from '../output/format.js'
import { Progress, waitingFor } from '../output/progress.js'
import type { Terminal } from '../output/terminal.js'
import type { UsersFile } from '../users/users-file.js'
import { chooseImport } from './choose-import.js'
import { importUsers } from './import-users.js'
import type { Outfit } from './outfit.js'
import { printReport } from './print-report.js'
import type { Run } from './run.js'

const POLL_MS = 100

/**
 * Brings every row of a file to its end, and shows how it stands when it is done or told to stop. Resolves to whether
 * every row is accounted for. The worker is running when it resolves, unless there was nothing to do.
 */
export async function sendToFile(file: UsersFile, run: Run): Promise<boolean> {
  const { settings, terminal, outfit } = run
  const into = await chooseImport(file, run)
  if (!into) return true
  const startedMs = performance.now()
  const before = await readStanding(outfit.pool, into, outfit.queue)
  if (before.leased > 0) terminal.line(waitingFor(before))
  await outfit.worker.start()
  const standing = await follow(into, file, before, run)
  if (run.stop.signal.aborted) await outfit.worker.stop({ graceSeconds: settings.graceSeconds })
  const last = run.stop.signal.aborted ? await lastLook(into, outfit) : standing
  const over = last.read && last.queued === 0
  const smtp = settings.smtpUrl === undefined ? undefined : serverOf(settings.smtpUrl)
  if (over) await throughOutages(() => markFinished(outfit.pool, into, smtp), run.stop.signal)
  await printReport(into, last, { startedMs, deliveredBefore: before.delivered }, run)
  return conclude(last, file, terminal)
}

/** Until nothing is left of it in the queue, or the stop. */
async function follow(into: Import, file: UsersFile, before: Standing, run: Run): Promise<Standing> {
  const { outfit, settings, terminal, stop } = run
  const { pool, worker, queue } = outfit
  const { signal } = stop
  const startedMs = performance.now()
  const progress = new Progress(terminal)
  let failure: { readonly error: unknown } | undefined
  const importing = importUsers(into, { producer: outfit, file, batchSize: settings.batchSize, signal }).catch(
    (error) => {
      if (!(signal.aborted && isOutage(error))) failure = { error }
    },
  )
  try {
    for (let idlePolls = 0; ; ) {
      const askedMs = performance.now()
      const standing = await throughOutages(() => readStanding(pool, into, queue, before.at), signal)
      const tookMs = performance.now() - askedMs
      idlePolls = worker.health().inFlight === 0 ? idlePolls + 1 : 0
      const waitsForOthers = standing.leased > 0 && idlePolls > 1
      progress.show({
        standing,
        deliveredBefore: before.delivered,
        elapsedMs: askedMs - startedMs,
        waitsForOthers,
        outage: outfit.mailer.outage,
      })
      if (failure) throw failure.error
      if (signal.aborted || (standing.read && standing.queued === 0)) return standing
      // Counting takes longer the more there is: a fifth of a connection's time is enough for it.
      await sleep(Math.max(POLL_MS, 4 * tookMs), undefined, { signal }).catch(() => {})
    }
  } catch (error) {
    throw signal.aborted && isOutage(error) ? away(error) : error
  } finally {
    await importing
    terminal.clearStatus()
  }
}

async function lastLook(into: Import, { pool, queue }: Outfit): Promise<Standing> {
  try {
    return await readStanding(pool, into, queue)
  } catch (error) {
    throw isOutage(error) ? away(error) : error
  }
}

function away(error: unknown): Failure {
  return new Failure('PostgreSQL is away, so nobody can tell how it stands. Nothing is lost: start it again', {
    cause: error,
  })
}

function conclude(standing: Standing, file: UsersFile, terminal: Terminal): boolean {
  if (isAccountedFor(standing)) {
    const letters = standing.dead === 0 ? '' : ` ${counted(standing.dead, 'dead letter')}: --redrive sends them again.`
    terminal.line(`Every row of ${printable(file.name)} is accounted for.${letters}`)
    return true
  }
  const gone = missing(standing)
  if (standing.read && standing.queued === 0) {
    terminal.line(
      `${counted(gone, 'row is', 'rows are')} neither delivered nor a dead letter: somebody removed their messages from the queue.`,
    )
  } else {
    const left = standing.read ? `${count(standing.queued)} of ${count(standing.rows)} rows are left` : 'Rows are left'
    terminal.line(`Not done: ${left}. Nothing is lost: the same command goes on from here.`)
  }
  return false
}
