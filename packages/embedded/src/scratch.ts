import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { chmod, lstat, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { isAlive, isRunning, type Postmaster, readPostmaster, startOf } from './postmaster.js'
import { closedTo, type RunAs } from './run-as.js'
import { shutDown } from './shut-down.js'

const PREFIX = 'pgmq-embedded-'
const KEEPER_FILE = 'keeper.json'
const SERVER_FILE = 'server.pid'

interface KeeperRecord {
  readonly pid: number
  /** `undefined` where it cannot be told. */
  readonly start?: string | undefined
  readonly machine: string
}

/** A directory, not yet created, for the files that one server needs while it runs. */
export function scratchIn(dir: string): string {
  return path.join(dir, PREFIX + randomBytes(6).toString('hex'))
}

export function isScratch(name: string): boolean {
  return name.startsWith(PREFIX)
}

/** Where a throw-away server's scratch goes; reachable for the user that the server runs as. */
export function temporaryDirectory(user: RunAs | undefined): string {
  const roots = [os.tmpdir(), ...(process.platform === 'win32' ? [] : ['/tmp', '/var/tmp'])]
  const root = roots.find((dir) => existsSync(dir) && closedTo(user, dir) === undefined)
  if (root !== undefined) return root
  throw new Error(
    `user "${user?.name}" can reach none of ${roots.join(', ')}. Set TMPDIR to a directory that it can enter.`,
  )
}

/** Creates it. It stays ours: the server's user may enter it, and owns only the data inside. */
export async function createScratch(dir: string, keeperPid: number): Promise<void> {
  const record: KeeperRecord = { pid: keeperPid, start: startOf(keeperPid), machine: machine() }
  await mkdir(dir)
  await chmod(dir, 0o755)
  await writeFile(path.join(dir, KEEPER_FILE), JSON.stringify(record))
}

/** Notes which server belongs to it. Without the note the server runs as well, only the next start could not end it. */
export function recordServer(scratch: string, pid: number): void {
  try {
    writeFileSync(path.join(scratch, SERVER_FILE), String(pid))
  } catch {
    // a full disk is the server's to tell
  }
}

/**
 * Ends the throw-away servers whose keeper is gone, too, as after `killall -9 node`, and removes their files. Only those
 * that this user started, and where process numbers mean the same as here.
 */
export async function sweepOrphans(root: string, program: string): Promise<void> {
  for (const scratch of await orphansIn(root)) {
    const server = readPostmaster(path.join(scratch, 'data'))
    if (isRunning(server)) await shutDown(server.pid, 'immediate', program)
    await removeScratch(scratch)
  }
}

/** Two starts may sweep at the same time; what is left over is for the next. */
export async function removeScratch(scratch: string): Promise<void> {
  await rm(scratch, { recursive: true, force: true, maxRetries: 5 }).catch(() => {})
}

/** The scratch directories whose keeper is gone. */
export async function orphansIn(root: string): Promise<readonly string[]> {
  const names = await readdir(root).catch(() => [])
  const found: string[] = []
  for (const name of names)
    if (isScratch(name) && (await isOrphan(path.join(root, name)))) found.push(path.join(root, name))
  return found
}

/** Whether a server is the one that belonged to this scratch. */
export function isServerOf(scratch: string, { pid }: Postmaster): boolean {
  try {
    return readFileSync(path.join(scratch, SERVER_FILE), 'utf8') === String(pid)
  } catch {
    return false
  }
}

async function isOrphan(dir: string): Promise<boolean> {
  try {
    const stat = await lstat(dir)
    if (!stat.isDirectory() || stat.uid !== (process.getuid?.() ?? stat.uid)) return false
    const keeper = JSON.parse(readFileSync(path.join(dir, KEEPER_FILE), 'utf8')) as KeeperRecord
    return keeper.machine === machine() && !isSame(keeper)
  } catch {
    return false
  }
}

/** Whether it is the process that was noted, and not a later one with its number. */
function isSame({ pid, start }: KeeperRecord): boolean {
  return isAlive(pid) && (start === undefined || start === startOf(pid))
}

/** Containers may share a temporary directory without sharing process numbers. */
function machine(): string {
  let processNumbers = ''
  try {
    processNumbers = readlinkSync('/proc/self/ns/pid')
  } catch {
    // not Linux
  }
  return `${os.hostname()} ${processNumbers}`
}
