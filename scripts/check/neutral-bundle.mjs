// Packages that run in every JavaScript runtime: bundles what they publish for a neutral platform, and fails on any
// import that is not their own code, core or a peer. Each of these is bundled too, so nothing hides behind it.
import path from 'node:path'
import { build } from 'esbuild'
import { entryFiles, publicPackages } from '../packages.mjs'

const neutralPackages = ['@pgmq/core']

const problems = []
let bundled = 0
for (const found of publicPackages().filter(({ manifest }) => neutralPackages.includes(manifest.name))) {
  const { name, dependencies = {}, peerDependencies = {} } = found.manifest
  const allowed = [...Object.keys(dependencies), ...Object.keys(peerDependencies)]
  for (const { file } of entryFiles(found)) {
    problems.push(...(await foreignImports(file, allowed)).map((what) => `${name}: ${path.basename(file)}: ${what}`))
    bundled++
  }
}
if (bundled === 0) problems.push(`nothing to bundle: none of ${neutralPackages.join(', ')} has an entry`)
if (problems.length > 0) {
  console.error(problems.join('\n'))
  process.exit(1)
}
console.log(`${bundled} entry files bundle for a neutral platform`)

async function foreignImports(entry, allowed) {
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
        if (allowed.includes(name)) return undefined
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
