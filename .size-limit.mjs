// Sizes of what a user's bundle takes in: minified and gzipped, without core where core is a dependency, without peers.
import { entryFiles, publicPackages } from './scripts/packages.mjs'

const limits = {
  '@pgmq/core': '30 kB',
  '@pgmq/node-pg': '3 kB',
  '@pgmq/postgres-js': '3 kB',
}

// They run on a developer's machine or a server, and are never bundled.
const unlimited = ['@pgmq/cli', '@pgmq/embedded', '@pgmq/testing']

/** What a producer bundles, who has no worker: docs/decisions/0005-size-of-core.md. */
const producer = {
  name: '@pgmq/core, a producer',
  path: 'packages/core/dist/index.js',
  import: '{ createClient, defineTask }',
  limit: '17 kB',
  gzip: true,
}

export default [
  ...publicPackages()
    .filter(({ manifest }) => !unlimited.includes(manifest.name))
    .flatMap(sizes),
  producer,
]

function sizes(found) {
  const { name, dependencies = {}, peerDependencies = {} } = found.manifest
  const limit = limits[name]
  if (limit === undefined) throw new Error(`${name} has no size limit: add one to .size-limit.mjs`)
  return entryFiles(found)
    .filter(({ condition }) => condition === 'import')
    .map(({ subpath, file }) => ({
      name: `${name}${subpath.slice(1)}`,
      path: file,
      limit,
      gzip: true,
      ignore: [...Object.keys(dependencies), ...Object.keys(peerDependencies)],
      modifyEsbuildConfig: (config) => ({ ...config, platform: 'node', format: 'esm' }),
    }))
}
