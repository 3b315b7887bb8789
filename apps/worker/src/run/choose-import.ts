import { begin, type FinishedImport, type Import, lastFinished, reopen, unfinished } from '../database/imports.js'
import { deadLetterIdsOf, readStanding } from '../database/standing.js'
import { counted, printable } from '../output/format.js'
import type { UsersFile } from '../users/users-file.js'
import type { Run } from './run.js'

const REDRIVE_AT_ONCE = 1_000

/** The import to work on: the unfinished one of this file, else a new one; `undefined`: there is nothing to do. */
export async function chooseImport(file: UsersFile, run: Run): Promise<Import | undefined> {
  const { pool, queue } = run.outfit
  const open = await unfinished(pool, file, queue)
  const finished = open ? undefined : await lastFinished(pool, file, queue)
  if (open) return await goOn(open, run)
  if (run.settings.redrive) return await goOnWithDeadLetters(finished, file, run)
  if (finished && finished.smtp !== null && !run.settings.again) {
    run.terminal.line(await nothingToDo(finished, run))
    return undefined
  }
  return await beginImport(file, finished, run)
}

async function goOn(open: Import, run: Run): Promise<Import> {
  const { pool, queue } = run.outfit
  const { rows, delivered } = await readStanding(pool, open, queue)
  run.terminal.line(
    `Import ${open.id} of ${printable(open.fileName)} goes on: ${counted(rows, 'row')} recorded, ${counted(delivered, 'mail')} delivered before`,
  )
  if (run.settings.redrive) await redrive(open, run)
  return open
}

async function goOnWithDeadLetters(
  finished: FinishedImport | undefined,
  file: UsersFile,
  run: Run,
): Promise<Import | undefined> {
  const { pool, queue } = run.outfit
  if (!finished || (await deadLetterIdsOf(pool, finished, queue)).length === 0) {
    run.terminal.line(`Nothing to do: there are no dead letters of ${printable(file.name)} in ${queue}_dlq`)
    return undefined
  }
  // Open first: killed in between, the next run goes on with those that are back already.
  await reopen(pool, finished)
  await redrive(finished, run)
  return finished
}

/** Puts the import's dead letters back into its queue. */
async function redrive(of: Import, { outfit, terminal }: Run): Promise<void> {
  const { pool, queue, client, task } = outfit
  const ids = await deadLetterIdsOf(pool, of, queue)
  let redriven = 0
  for (let at = 0; at < ids.length; at += REDRIVE_AT_ONCE) {
    const chunk = { ids: ids.slice(at, at + REDRIVE_AT_ONCE) }
    redriven += (await client.deadLetters.redrive(task.queue, chunk)).redriven
  }
  terminal.line(`Import ${of.id} of ${printable(of.fileName)}: ${counted(redriven, 'dead letter')} put back`)
}

async function nothingToDo(finished: FinishedImport, { outfit }: Run): Promise<string> {
  const dead = (await deadLetterIdsOf(outfit.pool, finished, outfit.queue)).length
  const letters = dead === 0 ? '' : `, but for ${counted(dead, 'dead letter')}: --redrive sends them again`
  return `Nothing to do: the mails to ${printable(finished.fileName)} went out by ${finished.smtp}, import ${finished.id}, finished ${timeOf(finished)} UTC${letters}. --again sends ${dead === 0 ? 'them' : 'all'} once more`
}

async function beginImport(file: UsersFile, finished: FinishedImport | undefined, run: Run): Promise<Import> {
  const begun = await begin(run.outfit.pool, file, run.outfit.queue)
  const earlier = finished ? `; import ${finished.id} of the same file was finished ${timeOf(finished)} UTC` : ''
  run.terminal.line(`Import ${begun.id} of ${printable(file.name)}${earlier}`)
  return begun
}

function timeOf({ finishedAt }: FinishedImport): string {
  return finishedAt.toISOString().replace('T', ' ').slice(0, 19)
}
