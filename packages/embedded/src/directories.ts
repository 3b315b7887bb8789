import { randomBytes } from 'node:crypto'
import { accessSync, constants, lstatSync, mkdirSync } from 'node:fs'
import { readdir, rename, rm, stat } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { closedTo, isRoot, type RunAs } from './run-as.js'

const DRAFT = '.draft-'
const DRAFT_MAX_AGE_MS = 60 * 60 * 1000

/** A directory for program files that outlives this process and that nobody else can have put files into. */
export function cacheDirectory(chosen: string | undefined, user: RunAs | undefined): string {
  const candidates = chosen === undefined ? cacheCandidates() : [chosen]
  const reasons: string[] = []
  for (const dir of candidates) {
    const reason = unfit(dir, user)
    if (reason === undefined) return dir
    reasons.push(`${dir} ${reason}`)
  }
  throw new Error(
    `no directory for the server's program files: ${reasons.join('; ')}. Choose another one with the option cacheDir.`,
  )
}

/**
 * Makes a directory all at once: `fill` works on a draft beside it, which is renamed when it is complete. A start that
 * is killed half-way leaves no half-filled directory, and of two starts at the same time one wins and both go on.
 */
export async function createOnce(
  target: string,
  done: () => boolean,
  fill: (draft: string) => Promise<void>,
): Promise<void> {
  if (done()) return
  const draft = `${target}${DRAFT}${randomBytes(6).toString('hex')}`
  try {
    await fill(draft)
    await rename(draft, target)
  } catch (error) {
    if (!done()) throw error
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
}

/** Removes what killed starts left in the cache. */
export async function sweepDrafts(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (!name.includes(DRAFT)) continue
    const draft = path.join(dir, name)
    const made = await stat(draft).catch(() => undefined)
    if (made && Date.now() - made.mtimeMs > DRAFT_MAX_AGE_MS) await rm(draft, { recursive: true, force: true })
  }
}

function cacheCandidates(): string[] {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env
  const home = homeDirectory()
  const roots = isRoot()
    ? [process.platform === 'darwin' ? '/Library/Caches' : '/var/cache']
    : process.platform === 'win32'
      ? [LOCALAPPDATA]
      : process.platform === 'darwin'
        ? [home && path.join(home, 'Library/Caches')]
        : [XDG_CACHE_HOME, home && path.join(home, '.cache')]
  const usable = roots.filter((root): root is string => root !== undefined && path.isAbsolute(root))
  return [
    ...usable.map((root) => path.join(root, 'pgmq-embedded')),
    path.join(os.tmpdir(), `pgmq-embedded-cache-${process.getuid?.() ?? 'user'}`),
  ]
}

/** `os.homedir()` throws for a user without an entry in the password file, which containers often have. */
function homeDirectory(): string | undefined {
  try {
    return os.homedir()
  } catch {
    return undefined
  }
}

/** Why a directory cannot hold program files: in a shared place such as /tmp, another user may have made it first. */
function unfit(dir: string, user: RunAs | undefined): string | undefined {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o755 })
    accessSync(dir, constants.W_OK)
  } catch (error) {
    return `cannot be written (${(error as NodeJS.ErrnoException).code})`
  }
  const stat = lstatSync(dir)
  if (!stat.isDirectory()) return 'is not a directory'
  if (process.getuid !== undefined && stat.uid !== process.getuid()) return 'belongs to another user'
  if (process.getuid !== undefined && (stat.mode & 0o022) !== 0) return 'can be written by other users'
  const closed = closedTo(user, dir)
  return closed === undefined ? undefined : `cannot be reached by user "${user?.name}", since ${closed} is closed to it`
}
