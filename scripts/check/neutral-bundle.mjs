// Packages that run in every JavaScript runtime: bundles what they publish for a neutral platform, with all that it imports,
// so that nothing hides behind it. Fails on any import that the manifest of the importing package does not list.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { build } from 'esbuild'
import { entryFiles, publicPackages } from '../packages.mjs'

const neutralPackages = ['@pgmq/core', '@pgmq/hono']

const problems = []
let bundled = 0
for (const found of publicPackages().filter(({ manifest }) => neutralPackages.includes(manifest.name))) {
  const { name } = found.manifest
  for (const { file } of entryFiles(found)) {
    problems.push(...(await foreignImports(file)).map((what) => `${name}: ${path.basename(file)}: ${what}`))
    bundled++
  }
}
if (bundled === 0) problems.push(`nothing to bundle: none of ${neutralPackages.join(', ')} has an entry`)
if (problems.length > 0) {
  console.error(problems.join('\n'))
  process.exit(1)
}
console.log(`${bundled} entry files bundle for a neutral platform`)

async function foreignImports(entry) {
  const foreign = []
  const watch = {
    name: 'foreign imports',
    setup({ onResolve }) {
      onResolve({ filter: /^[^./]/ }, ({ path: specifier, importer, kind }) => {
        if (kind === 'entry-point') return undefined
        const name = specifier
          .split('/')
          .slice(0, specifier.startsWith('@') ? 2 : 1)
          .join('/')
        const { dependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} } = manifestOf(importer)
        // What a dependency of ours can do without is its user's to install.
        if (peerDependenciesMeta[name]?.optional && kind === 'dynamic-import')
          return { path: specifier, external: true }
        if (name in dependencies || name in peerDependencies) return undefined
        foreign.push(`imports '${specifier}' (from ${path.basename(importer)})`)
        return { path: specifier, external: true }
      })
    },
  }
  const options = {
    bundle: true,
    write: false,
    logLevel: 'silent',
    platform: 'neutral',
    mainFields: ['module', 'main'],
  }
  try {
    await build({ ...options, entryPoints: [entry], plugins: [watch] })
  } catch (error) {
    foreign.push(...error.errors.map(({ text }) => text))
  }
  return foreign
}

function manifestOf(file) {
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    const manifest = path.join(folder, 'package.json')
    const found = existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8'))
    if (found?.name) return found // some have one without a name, for the type of their modules alone
  }
}
