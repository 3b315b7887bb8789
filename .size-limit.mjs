// Sizes of what a user's bundle takes in: minified and gzipped, without core where core is a dependency, without peers.
import { entryFiles, publicPackages } from './scripts/packages.mjs'

const limits = {
  '@pgmq/core': '37.2 kB',
  '@pgmq/core/driver-kit': '1.2 kB',
  '@pgmq/core/protocol': '15.2 kB',
  '@pgmq/core/query-builders': '2.5 kB',
  '@pgmq/hono': '15 kB',
  '@pgmq/node-pg': '2.5 kB',
  '@pgmq/postgres-js': '4 kB',
}

// It runs on a developer's machine, and is never bundled.
const unlimited = ['@pgmq/embedded']

/** What a producer bundles, who has no worker: docs/decisions/0005-size-of-core.md. */
const producer = {
  name: '@pgmq/core, a producer',
  path: 'packages/core/dist/index.js',
  import: '{ createClient, defineTask }',
  limit: '21 kB',
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
  const limitOf = (entry) => {
    if (limits[entry] === undefined) throw new Error(`${entry} has no size limit: add one to .size-limit.mjs`)
    return limits[entry]
  }
  return entryFiles(found)
    .filter(({ condition }) => condition === 'import')
    .map(({ subpath, file }) => ({
      name: `${name}${subpath.slice(1)}`,
      path: file,
      limit: limitOf(`${name}${subpath.slice(1)}`),
      gzip: true,
      ignore: [...Object.keys(dependencies), ...Object.keys(peerDependencies)],
      modifyEsbuildConfig: (config) => ({ ...config, platform: 'node', format: 'esm' }),
    }))
}
