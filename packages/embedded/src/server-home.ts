import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, stat, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { parseTarGzip } from 'nanotar'
import { type Build, findBuild, findPgmqArchive } from './build.js'
import { createCluster } from './cluster.js'
import { copyTree } from './copy-tree.js'
import { cacheDirectory, createOnce, sweepDrafts } from './directories.js'
import type { Keeping } from './keeping.js'
import type { ResolvedOptions } from './options.js'
import type { RunAs } from './run-as.js'

/** A server's program files, complete with libraries and pgmq, in a place where the server's user can run them. */
export interface ServerHome {
  readonly dir: string
  readonly user: RunAs | undefined
  /** The same, as options for starting a program. */
  readonly ids: { readonly uid?: number; readonly gid?: number }
  program(name: 'postgres' | 'initdb' | 'pg_ctl'): string
}

/** Goes into the names of cached directories: raise it when what they contain is made differently. */
const LAYOUT = 1

/** Prepares the program files of one version, once per cache directory: node_modules stays as the package manager left it. */
export async function prepareHome(options: ResolvedOptions, user: RunAs | undefined): Promise<ServerHome> {
  const build = findBuild(options.version)
  const cache = cacheDirectory(options.cacheDir, user)
  await sweepDrafts(cache)
  const archive = findPgmqArchive()
  const dir = path.join(cache, `${build.release}-${build.platform}-${await fingerprint(archive)}`)
  await createOnce(
    dir,
    () => existsSync(dir),
    (draft) => fillHome(build, archive, draft),
  )
  const suffix = process.platform === 'win32' ? '.exe' : ''
  return {
    dir,
    user,
    ids: user ? { uid: user.uid, gid: user.gid } : {},
    program: (name) => path.join(dir, 'bin', name + suffix),
  }
}

/** Copies a data directory that was initialised before: a tenth of the time that initdb takes. For throw-away servers. */
export async function cloneCluster(home: ServerHome, keeping: Keeping, target: string): Promise<void> {
  const template = `${home.dir}-data-${home.user?.name ?? 'own'}`
  await createOnce(
    template,
    () => existsSync(template),
    (draft) => createCluster(home, keeping, draft, { sync: false }),
  )
  await copyTree(template, target, { access: 'private', owner: home.user })
}

async function fingerprint(archive: string): Promise<string> {
  const { size } = await stat(archive)
  return createHash('sha256')
    .update(`${LAYOUT} ${size}`)
    .update(await readFile(archive))
    .digest('hex')
    .slice(0, 12)
}

async function fillHome(build: Build, archive: string, draft: string): Promise<void> {
  await copyTree(build.nativeDir, draft, { access: 'shared' })
  await linkLibraries(build, draft)
  const extensions = path.join(draft, 'share/postgresql/extension')
  for (const file of await parseTarGzip(await readFile(archive))) {
    if (file.data && /\.(control|sql)$/.test(file.name)) {
      await writeFile(path.join(extensions, path.basename(file.name)), file.data, { mode: 0o644 })
    }
  }
}

/** npm packages carry no symbolic links: the build lists its own, and makes them in a postinstall script that pnpm skips. */
async function linkLibraries(build: Build, draft: string): Promise<void> {
  const list = path.join(build.nativeDir, 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links = JSON.parse(await readFile(list, 'utf8')) as readonly { source: string; target: string }[]
  for (const { source, target } of links) {
    const link = path.join(draft, path.relative('native', target))
    if (existsSync(link)) continue
    await symlink(path.relative(path.dirname(link), path.join(draft, path.relative('native', source))), link)
  }
}
