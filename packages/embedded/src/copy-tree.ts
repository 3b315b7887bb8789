import { constants } from 'node:fs'
import { chmod, copyFile, lchown, mkdir, readdir, readlink, stat, symlink } from 'node:fs/promises'
import path from 'node:path'
import type { RunAs } from './run-as.js'

interface CopyOptions {
  /** `shared`: everybody may read and run the copy, whatever the umask was at the time of the installation. */
  readonly access: 'shared' | 'private'
  readonly owner?: RunAs | undefined
}

/**
 * Copies a directory, as reflinks where the file system has them. Never hard links: a change of mode or owner would
 * reach the original.
 */
export async function copyTree(from: string, to: string, options: CopyOptions): Promise<void> {
  const shared = options.access === 'shared'
  await mkdir(to)
  await chmod(to, shared ? 0o755 : 0o700)
  await give(to, options.owner)
  const entries = await readdir(from, { withFileTypes: true })
  await Promise.all(
    entries.map(async (entry) => {
      const source = path.join(from, entry.name)
      const target = path.join(to, entry.name)
      if (entry.isDirectory()) return copyTree(source, target, options)
      if (entry.isSymbolicLink()) await symlink(await readlink(source), target)
      else await copyFile(source, target, constants.COPYFILE_FICLONE)
      if (shared && entry.isFile()) await chmod(target, ((await stat(source)).mode & 0o100) === 0 ? 0o644 : 0o755)
      await give(target, options.owner)
    }),
  )
}

async function give(file: string, owner: RunAs | undefined): Promise<void> {
  if (owner) await lchown(file, owner.uid, owner.gid)
}
