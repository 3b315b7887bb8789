// Packs the public packages as they would be published.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { publicPackages } from '../packages.mjs'
import { exitUnlessDone, runPnpm } from '../toolchain.mjs'

/** A folder that goes when the process does. */
export function temporaryFolder() {
  const folder = mkdtempSync(path.join(tmpdir(), 'pgmq-check-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Resolves to the tarball of each public package, by name. */
export async function packPublicPackages(folder) {
  const tarballs = new Map()
  for (const { directory, manifest } of publicPackages()) {
    const destination = path.join(folder, path.basename(directory))
    const args = ['pack', '--pack-destination', destination]
    exitUnlessDone(await runPnpm(args, { cwd: directory, output: 'onFailure' }))
    const [file] = readdirSync(destination)
    tarballs.set(manifest.name, path.join(destination, file))
  }
  return tarballs
}
