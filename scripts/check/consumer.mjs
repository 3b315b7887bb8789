// Installs the packed packages into the empty projects under `checks/consumer`, as pnpm lays them out (core nested under
// its adapter, out of the project's reach), and compiles each as an ES module and as CommonJS, with declarations.
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { root, run } from '../toolchain.mjs'
import { packPublicPackages, temporaryFolder } from './pack.mjs'
import { installProject, setModuleType } from './project.mjs'

const fixtures = path.join(root, 'checks/consumer')
const folder = temporaryFolder()
const tarballs = await packPublicPackages(path.join(folder, 'packed'))

const compiled = []
for (const name of readdirSync(fixtures)) {
  const project = path.join(folder, name)
  cpSync(path.join(fixtures, name), project, { recursive: true })
  const manifest = JSON.parse(readFileSync(path.join(project, 'package.json'), 'utf8'))
  await installProject(project, manifest, tarballs)
  if (name !== 'core') checkTree(name, project)
  for (const type of ['module', 'commonjs']) {
    setModuleType(project, type)
    for (const compiler of Object.keys(manifest.devDependencies).filter((each) => each.startsWith('typescript'))) {
      const tsc = path.join(project, 'node_modules', compiler, 'bin/tsc')
      const args = [tsc, '-p', '.', '--outDir', path.join('out', type, compiler)]
      const { exitCode } = await run(process.execPath, args, { cwd: project, output: 'onFailure' })
      if (exitCode === 0) compiled.push(`${name} (${type}, ${compiler})`)
      else {
        console.error(`checks/consumer/${name} does not compile as ${type} with ${compiler}`)
        process.exitCode = 1
      }
    }
  }
}
/** An adapter brings one copy of core, nested under it, and no driver but its own. */
function checkTree(name, project) {
  if (existsSync(path.join(project, 'node_modules/@pgmq/core')))
    throw new Error(`${name}: core must be nested under the adapter`)
  const installed = readdirSync(path.join(project, 'node_modules/.pnpm'))
  const count = (prefix) => installed.filter((each) => each.startsWith(prefix)).length
  if (count('@pgmq+core@') !== 1) throw new Error(`${name}: there are ${count('@pgmq+core@')} copies of core`)
  const drivers = ['pg', 'postgres'].filter((driver) => count(`${driver}@`) > 0)
  if (drivers.length !== 1) throw new Error(`${name}: the drivers in its tree are ${drivers.join(', ')}`)
}

console.log(`compiled: ${compiled.join(', ')}`)
