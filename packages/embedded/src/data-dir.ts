import { accessSync, constants, existsSync, lstatSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { chmod, chown, mkdir, realpath, rm } from 'node:fs/promises'
import path from 'node:path'
import { createCluster } from './cluster.js'
import type { Keeping } from './keeping.js'
import type { PostgresVersion } from './options.js'
import { isAlive, isRunning, type Postmaster, readPostmaster } from './postmaster.js'
import { completePublished, publish } from './publish.js'
import { closedTo, isRoot, type RunAs, unprivilegedUser } from './run-as.js'
import { createScratch, isScratch, isServerOf, orphansIn, removeScratch } from './scratch.js'
import type { ServerHome } from './server-home.js'
import { shutDown } from './shut-down.js'
import { until } from './until.js'

/** A server whose parent has just been killed gets so long to begin to stop, and to stop. */
const PREVIOUS_SERVER_GRACE_MS = 2000
const PREVIOUS_SERVER_STOP_MS = 30_000
/** Another start that is just making this directory gets so long. */
const PUBLISH_MS = 10_000

/** @throws Error when there is no directory and can be none, or it cannot be written */
export function requireDirectory(dataDir: string): void {
  const found = nearest(dataDir)
  const stat = statSync(found, { throwIfNoEntry: false })
  if (!stat?.isDirectory()) {
    const what = stat ? 'is no directory' : 'is a symbolic link to nothing'
    throw new Error(`dataDir ${dataDir} cannot be used: ${found} ${what}. Choose another directory.`)
  }
  try {
    accessSync(found, constants.W_OK | constants.X_OK)
  } catch (error) {
    throw unusable(dataDir, `${found} cannot be written (${(error as NodeJS.ErrnoException).code})`, error)
  }
}

/** The path itself or, where there is nothing, the directory above that would hold it. */
function nearest(place: string): string {
  const parent = path.dirname(place)
  return parent === place || isThere(place) ? place : nearest(parent)
}

/** A link to nothing is. */
function isThere(place: string): boolean {
  try {
    lstatSync(place)
    return true
  } catch {
    return false
  }
}

function unusable(dataDir: string, reason: string, cause: unknown): Error {
  return new Error(
    `dataDir ${dataDir} cannot be used: ${reason}. Choose another directory, or make it this user's own.`,
    { cause },
  )
}

/** Who may use a data directory: the owner it has already, since a server that finds another one refuses to start. */
export function userOf(dataDir: string | undefined): RunAs | undefined {
  if (!isRoot() || dataDir === undefined) return unprivilegedUser()
  const stat = isCluster(dataDir) ? statSync(dataDir) : undefined
  if (stat === undefined) return unprivilegedUser()
  if (stat.uid !== 0) return { uid: stat.uid, gid: stat.gid, name: `with id ${stat.uid}` }
  throw new Error(
    `dataDir ${dataDir} belongs to root, and PostgreSQL refuses to run as root. Run: chown -R ${unprivilegedUser()?.name} ${dataDir}`,
  )
}

/** Makes a kept data directory ready to be started on: initialises it when it is new, else checks that it can be used. */
export async function openDataDir(
  home: ServerHome,
  keeping: Keeping,
  dataDir: string,
  version: PostgresVersion,
  { scratch, sync }: { readonly scratch: string; readonly sync: boolean },
): Promise<void> {
  await takeOver(dataDir, home.program('postgres'))
  await until(() => isCluster(dataDir) || isEmpty(dataDir), isBeingMade(dataDir) ? PUBLISH_MS : 0)
  if (!isCluster(dataDir)) await makeEmptyDirectory(dataDir, home.user)
  await requireReachable(dataDir, home.user)
  await createScratch(scratch, keeping.pid)
  if (!isCluster(dataDir)) {
    const draft = path.join(scratch, 'data')
    await createCluster(home, keeping, draft, { sync })
    await publish(draft, dataDir, () => until(() => isCluster(dataDir), PUBLISH_MS))
  }
  checkVersion(dataDir, version)
  await waitForPreviousServer(dataDir)
}

function isCluster(dataDir: string): boolean {
  return existsSync(path.join(dataDir, 'PG_VERSION'))
}

/** But for what starts leave there, and what the root of a file system has. */
function isEmpty(dataDir: string): boolean {
  return !existsSync(dataDir) || readdirSync(dataDir).every((name) => isScratch(name) || name === 'lost+found')
}

function isBeingMade(dataDir: string): boolean {
  return existsSync(dataDir) && readdirSync(dataDir).some(isScratch)
}

/** Ends a server that nobody keeps any more, and completes or removes what starts that were killed have left. */
async function takeOver(dataDir: string, program: string): Promise<void> {
  for (const scratch of await orphansIn(dataDir)) {
    const server = readPostmaster(dataDir)
    if (isRunning(server) && isServerOf(scratch, server)) await shutDown(server.pid, 'fast', program)
    await completePublished(path.join(scratch, 'data'), dataDir)
    await removeScratch(scratch)
  }
}

async function makeEmptyDirectory(dataDir: string, user: RunAs | undefined): Promise<void> {
  if (!isEmpty(dataDir)) {
    throw new Error(`dataDir ${dataDir} is not empty and holds no PostgreSQL data. Choose a new or an empty directory.`)
  }
  try {
    await mkdir(path.dirname(dataDir), { recursive: true })
    await requireReachable(dataDir, user)
    if (!existsSync(dataDir)) await mkdir(dataDir, { mode: 0o700 })
    // PostgreSQL takes no directory that is another user's, or open to others.
    if (user) await chown(dataDir, user.uid, user.gid)
    await chmod(dataDir, 0o700)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw code === undefined ? error : unusable(dataDir, message, error)
  }
}

async function requireReachable(dataDir: string, user: RunAs | undefined): Promise<void> {
  const real = await realpath(existsSync(dataDir) ? dataDir : path.dirname(dataDir))
  const closed = closedTo(user, path.dirname(dataDir)) ?? closedTo(user, path.dirname(real))
  if (closed === undefined) return
  throw new Error(
    `dataDir ${dataDir} cannot be reached by user "${user?.name}", as whom the server runs since PostgreSQL refuses root: ` +
      `${closed} is closed to it. Choose a directory elsewhere, such as /var/lib/pgmq, or run: chmod o+x ${closed}`,
  )
}

function checkVersion(dataDir: string, version: PostgresVersion): void {
  const found = readFileSync(path.join(dataDir, 'PG_VERSION'), 'utf8').trim()
  if (found === String(version)) return
  throw new Error(
    `dataDir ${dataDir} was initialised by PostgreSQL ${found} and cannot be used by ${version}. ` +
      `Give version: ${found}, or choose another directory and move the data with pg_dump.`,
  )
}

async function waitForPreviousServer(dataDir: string): Promise<void> {
  const holder = (): Postmaster | undefined => readPostmaster(dataDir)
  const gone = (): boolean => !isRunning(holder())
  await until(() => gone() || holder()?.status === 'stopping', PREVIOUS_SERVER_GRACE_MS)
  await until(() => gone() || holder()?.status !== 'stopping', PREVIOUS_SERVER_STOP_MS)
  if (!gone()) throw new Error(inUse(dataDir))
  // A killed server's number may belong to another program by now, which PostgreSQL would take for that server.
  const left = holder()
  if (left && isAlive(left.pid)) await rm(path.join(dataDir, 'postmaster.pid'), { force: true })
}

export function inUse(dataDir: string): string {
  const server = readPostmaster(dataDir)
  const where = server ? ` (pid ${server.pid}, port ${server.port})` : ''
  return `dataDir ${dataDir} is in use by another server${where}. Connect to that one, stop it, or choose another directory.`
}
