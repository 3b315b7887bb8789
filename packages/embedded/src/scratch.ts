import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, readlinkSync } from 'node:fs'
import { chmod, lstat, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { isAlive, isPostgres, readPostmaster } from './postmaster.js'
import { closedTo, type RunAs } from './run-as.js'
import { shutDown } from './shut-down.js'

const PREFIX = 'pgmq-embedded-'
const KEEPER_FILE = 'keeper.json'

/** A path for one throw-away server's files, not yet created; reachable for the user that the server runs as. */
export function scratchPath(user: RunAs | undefined): string {
  const roots = [os.tmpdir(), ...(process.platform === 'win32' ? [] : ['/tmp', '/var/tmp'])]
  const root = roots.find((dir) => existsSync(dir) && closedTo(user, dir) === undefined)
  if (root === undefined) {
    throw new Error(
      `user "${user?.name}" can reach none of ${roots.join(', ')}. Set TMPDIR to a directory that it can enter.`,
    )
  }
  return path.join(root, PREFIX + randomBytes(6).toString('hex'))
}

/** Creates it. It stays ours: the server's user may enter it, and owns only the data inside. */
export async function createScratch(dir: string, keeperPid: number): Promise<void> {
  await mkdir(dir)
  await chmod(dir, 0o755)
  await writeFile(path.join(dir, KEEPER_FILE), JSON.stringify({ pid: keeperPid, machine: machine() }))
}

/**
 * Ends the throw-away servers whose keeper is gone, too, as after `killall -9 node`, and removes their files. Only those
 * that this user started, and where process numbers mean the same as here.
 */
export async function sweepOrphans(root: string, program: string): Promise<void> {
  for (const name of await readdir(root).catch(() => [])) {
    const dir = path.join(root, name)
    if (!name.startsWith(PREFIX) || !(await isOrphan(dir))) continue
    const server = readPostmaster(path.join(dir, 'data'))
    if (server && isAlive(server.pid) && isPostgres(server.pid)) await shutDown(server.pid, 'immediate', program)
    await rm(dir, { recursive: true, force: true })
  }
}

async function isOrphan(dir: string): Promise<boolean> {
  try {
    const stat = await lstat(dir)
    if (!stat.isDirectory() || stat.uid !== (process.getuid?.() ?? stat.uid)) return false
    const keeper = JSON.parse(readFileSync(path.join(dir, KEEPER_FILE), 'utf8')) as { pid: number; machine: string }
    return keeper.machine === machine() && !isAlive(keeper.pid)
  } catch {
    return false
  }
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
