// Does what the quick start of the README says, in an empty project, with the packages as they would be published: what
// it installs is all there is, it compiles, and it runs and prints what the README shows, as an ES module and as CommonJS.
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { exitUnlessDone, root, run } from '../toolchain.mjs'
import { packPublicPackages, temporaryFolder } from './pack.mjs'
import { installProject, setModuleType } from './project.mjs'
import { readmeBlocks } from './readme-blocks.mjs'

const timeLimitMs = 60_000
const compilerOptions = {
  target: 'ES2022',
  module: 'NodeNext',
  types: ['node'],
  strict: true,
  declaration: true,
  rootDir: 'src',
}

const readme = process.argv[2] ?? path.join(root, 'README.md')
const { install, files, programs } = readmeBlocks(readFileSync(readme, 'utf8'))
if (install.length === 0) throw new Error(`${readme} has no block titled "install"`)
if (programs.length === 0) throw new Error(`${readme} has no block to run`)

const { startPostgres } = await import(pathToFileURL(path.join(root, 'packages/embedded/dist/index.js')))
const folder = temporaryFolder()
const tarballs = await packPublicPackages(path.join(folder, 'packed'))

const project = path.join(folder, 'project')
mkdirSync(path.join(project, 'src'), { recursive: true })
for (const { title, text } of files) writeFileSync(path.join(project, 'src', path.basename(title)), text)
writeFileSync(path.join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['src'] }))
const dependencies = Object.fromEntries(install.map((word) => [nameOf(word), versionOf(word)]))
const devDependencies = { '@types/node': 'catalog:', typescript: 'catalog:' }
await installProject(project, { private: true, dependencies, devDependencies }, tarballs)

for (const type of ['module', 'commonjs']) {
  setModuleType(project, type)
  const tsc = path.join(project, 'node_modules/typescript/bin/tsc')
  exitUnlessDone(
    await run(process.execPath, [tsc, '-p', '.', '--outDir', 'out'], { cwd: project, output: 'onFailure' }),
  )

  const postgres = await startPostgres({ durable: false })
  try {
    await runPrograms({ ...process.env, DATABASE_URL: postgres.url })
  } finally {
    await postgres.stop()
  }
}
console.log(`${programs.map(({ file }) => file).join(', ')} ran as an ES module and as CommonJS`)

async function runPrograms(env) {
  const lasting = []
  try {
    for (const program of programs) {
      const running = start(program, env)
      if (program.untilOutput) lasting.push(running)
      else await running.ended
    }
    for (const { complete, child, ended } of lasting) {
      await Promise.race([complete, ended])
      child.kill('SIGTERM')
      await ended
    }
  } finally {
    for (const { child } of lasting) child.kill('SIGKILL')
  }
}

/** `ended` rejects unless the program ended well with its output complete. */
function start({ file, output }, env) {
  const script = path.join(project, 'out', path.basename(file).replace(/\.ts$/, '.js'))
  const child = spawn(process.execPath, [script], { cwd: project, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const timer = setTimeout(() => child.kill('SIGKILL'), timeLimitMs)
  let printed = ''
  let markComplete
  const complete = new Promise((resolve) => {
    markComplete = resolve
  })
  const missing = () => firstMissing(output, printed)
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      printed += chunk
      if (missing() === undefined) markComplete()
    })
  }
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      const problem = code !== 0 ? `ended with ${signal ?? code}` : missing() && `did not print "${missing()}"`
      if (problem) reject(new Error(`${file} ${problem}. It printed:\n${printed}`))
      else resolve()
    })
  })
  ended.catch(() => {}) // it is awaited later, when its turn comes
  return { child, complete, ended }
}

function firstMissing(expected, printed) {
  const lines = printed.split('\n').map((line) => line.trim())
  return expected.find((wanted) => {
    const pattern = new RegExp(`^${wanted.split('…').map(escapeText).join('.*')}$`)
    const at = lines.findIndex((line) => pattern.test(line))
    if (at >= 0) lines.splice(0, at + 1)
    return at < 0
  })
}

function escapeText(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

function nameOf(word) {
  return word.replace(/(?<=.)@.*$/, '')
}

function versionOf(word) {
  if (tarballs.has(nameOf(word))) return 'packed'
  return word === nameOf(word) ? 'catalog:' : word.slice(nameOf(word).length + 1)
}
