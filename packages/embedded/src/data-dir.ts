import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { createCluster } from './cluster.js'
import { createOnce } from './directories.js'
import type { Keeping } from './keeping.js'
import type { PostgresVersion } from './options.js'
import { isAlive, isPostgres, type Postmaster, readPostmaster } from './postmaster.js'
import { closedTo, isRoot, type RunAs, unprivilegedUser } from './run-as.js'
import type { ServerHome } from './server-home.js'
import { until } from './until.js'

/** A server whose parent has just been killed gets so long to begin to stop, and to stop. */
const PREVIOUS_SERVER_GRACE_MS = 2000
const PREVIOUS_SERVER_STOP_MS = 30_000

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
  { draft, sync }: { readonly draft: string; readonly sync: boolean },
): Promise<void> {
  if (existsSync(dataDir) && !isCluster(dataDir) && readdirSync(dataDir).length > 0) {
    throw new Error(`dataDir ${dataDir} is not empty and holds no PostgreSQL data. Choose a new or an empty directory.`)
  }
  await mkdir(path.dirname(dataDir), { recursive: true })
  const closed = closedTo(home.user, path.dirname(dataDir))
  if (closed !== undefined) {
    throw new Error(
      `dataDir ${dataDir} cannot be reached by user "${home.user?.name}", as whom the server runs since PostgreSQL refuses root: ` +
        `${closed} is closed to it. Choose a directory elsewhere, such as /var/lib/pgmq, or run: chmod o+x ${closed}`,
    )
  }
  await createOnce(
    dataDir,
    () => isCluster(dataDir),
    (dir) => createCluster(home, keeping, dir, { sync }),
    draft,
  )
  checkVersion(dataDir, version)
  await waitForPreviousServer(dataDir)
}

function isCluster(dataDir: string): boolean {
  return existsSync(path.join(dataDir, 'PG_VERSION'))
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

function isRunning(postmaster: Postmaster | undefined): boolean {
  return postmaster !== undefined && isAlive(postmaster.pid) && isPostgres(postmaster.pid)
}

export function inUse(dataDir: string): string {
  const server = readPostmaster(dataDir)
  const where = server ? ` (pid ${server.pid}, port ${server.port})` : ''
  return `dataDir ${dataDir} is in use by another server${where}. Connect to that one, stop it, or choose another directory.`
}
