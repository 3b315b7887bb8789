// A project of a user's, outside of the workspace.
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parse, stringify } from 'yaml'
import { exitUnlessDone, root, runPnpm } from '../toolchain.mjs'

/**
 * Writes the manifest and installs it. In it `packed` stands for the tarball of a package of ours, and `catalog:` for
 * the version that the workspace uses. Whatever of ours is needed indirectly comes from a tarball too.
 */
export async function installProject(folder, manifest, tarballs) {
  const packed = Object.fromEntries([...tarballs].map(([name, tarball]) => [name, `file:${tarball}`]))
  const { catalog } = parse(readFileSync(path.join(root, 'pnpm-workspace.yaml'), 'utf8'))
  const settings = { packages: ['.'], catalog, overrides: packed, managePackageManagerVersions: false, hoist: false }
  writeFileSync(path.join(folder, 'pnpm-workspace.yaml'), stringify(settings))
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify(withTarballs(manifest, packed), undefined, 2))
  // A user's install asks for no script to run either.
  const args = ['install', '--prefer-offline', '--no-frozen-lockfile', '--ignore-scripts']
  exitUnlessDone(await runPnpm(args, { cwd: folder, output: 'onFailure' }))
}

/** Whether its files are ES modules (`module`) or CommonJS (`commonjs`). */
export function setModuleType(folder, type) {
  const file = path.join(folder, 'package.json')
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), type }, undefined, 2))
}

function withTarballs({ dependencies = {}, ...rest }, packed) {
  const resolved = Object.entries(dependencies).map(([name, range]) => {
    if (range !== 'packed') return [name, range]
    if (packed[name] === undefined) throw new Error(`${name} is not a public package of this workspace`)
    return [name, packed[name]]
  })
  return { ...rest, dependencies: Object.fromEntries(resolved) }
}
