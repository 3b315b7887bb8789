// The workspace's packages as the checks see them.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { root } from './toolchain.mjs'

/** Every package under `packages/` that is published, with its folder and manifest. */
export function publicPackages() {
  const parent = path.join(root, 'packages')
  return readdirSync(parent, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => readPackage(path.join(parent, entry.name)))
    .filter((found) => found !== undefined && found.manifest.private !== true)
}

/** The JavaScript files that a package's `exports` lead to: `[{ subpath, condition, file }]`. */
export function entryFiles({ directory, manifest }) {
  return Object.entries(manifest.exports ?? {}).flatMap(([subpath, target]) =>
    targets(target)
      .filter(({ file }) => /\.[cm]?js$/.test(file))
      .map(({ condition, file }) => ({
        subpath,
        condition,
        file: path.join(directory, file),
      })),
  )
}

function targets(target, condition = 'default') {
  if (typeof target === 'string') return [{ condition, file: target }]
  return Object.entries(target).flatMap(([name, nested]) => targets(nested, name === 'default' ? condition : name))
}

function readPackage(directory) {
  try {
    return { directory, manifest: JSON.parse(readFileSync(path.join(directory, 'package.json'), 'utf8')) }
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}
