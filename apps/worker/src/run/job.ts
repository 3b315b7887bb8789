import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { isPgmqError } from '@pgmq/node-pg'
import { Failure } from '../failure.js'
import { createLog } from '../output/log.js'
import type { Terminal } from '../output/terminal.js'
import type { Settings } from '../settings.js'
import { openUsersFile, type UsersFile } from '../users/users-file.js'
import { countMails } from './mail-counts.js'
import { Closers, createOutfit } from './outfit.js'
import type { Run } from './run.js'
import { sendToFile } from './send-to-file.js'
import type { Stop } from './stop.js'
import { watch } from './watch.js'

const SAMPLE = fileURLToPath(new URL('../sample/users.csv', import.meta.url))

/**
 * The whole job. Resolves to whether every row is accounted for.
 *
 * @throws Failure for whatever the user can mend
 */
export async function runJob(settings: Settings, terminal: Terminal, stop: Stop): Promise<boolean> {
  const file = await fileOf(settings)
  const log = createLog(settings, terminal)
  const closers = new Closers()
  try {
    const outfit = await unlessStopped(createOutfit(settings, terminal, log, closers, stop.signal), stop)
    if (!outfit) {
      terminal.line('Told to stop before anything had begun.')
      return file === undefined
    }
    closers.add(() => outfit.worker.stop({ graceSeconds: settings.graceSeconds }))
    stop.onStop((by) => {
      terminal.line(`${by}: mails on their way get ${settings.graceSeconds} s; a second signal ends it at once`)
    })
    return await work(file, { settings, terminal, outfit, stop })
  } catch (error) {
    // The library's own errors say what to do, too.
    throw isPgmqError(error) ? new Failure(error.message, { cause: error }) : error
  } finally {
    terminal.clearStatus()
    await closers.close()
  }
}

async function work(file: UsersFile | undefined, run: Run): Promise<boolean> {
  const counts = countMails(run.outfit.worker)
  const done = file && !run.stop.signal.aborted ? await sendToFile(file, run) : file === undefined
  if (run.settings.watch) await watch(run, counts)
  return done
}

/** `undefined` on a stop, which does not wait for a server that does not answer. */
async function unlessStopped<T>(opening: Promise<T>, stop: Stop): Promise<T | undefined> {
  return await Promise.race([opening, new Promise<undefined>((resolve) => stop.onStop(() => resolve(undefined)))])
}

async function fileOf({ usersFile, watch }: Settings): Promise<UsersFile | undefined> {
  if (usersFile !== undefined) return await openUsersFile(usersFile)
  return watch ? undefined : await openUsersFile(path.relative(process.cwd(), SAMPLE))
}
