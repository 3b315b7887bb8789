// Bun and Deno are not installed with the others: who tests them brings them from npm, once.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const releases = { bun: '1.4.5', deno: '2.9.6' }
const folder = fileURLToPath(new URL('../node_modules/.cache/runtime-builds', import.meta.url))

/** Where each one's packages for a platform have its program. npm installs those that fit. */
const programs = {
  bun: { scope: '@oven', file: 'bin/bun' },
  deno: { scope: '@deno', file: 'deno' },
}

/** Where what Deno caches is kept. */
export const denoFolder = path.join(folder, 'deno')

/** The program itself: the script that would put it on the PATH after an install is not run. */
export function runtimeBuild(runtime) {
  install(runtime)
  const { scope, file } = programs[runtime]
  const packages = path.join(folder, runtime, 'node_modules', scope)
  const suffix = process.platform === 'win32' ? '.exe' : ''
  const found = (existsSync(packages) ? readdirSync(packages) : [])
    .map((name) => path.join(packages, name, `${file}${suffix}`))
    .find((program) => spawnSync(program, ['--version']).status === 0)
  if (!found) throw new Error(`npm has no ${runtime} ${releases[runtime]} that runs on this machine`)
  return { program: found, version: releases[runtime] }
}

function install(runtime) {
  const cwd = path.join(folder, runtime)
  const installed = path.join(cwd, 'node_modules', runtime, 'package.json')
  if (existsSync(installed) && JSON.parse(readFileSync(installed, 'utf8')).version === releases[runtime]) return
  mkdirSync(cwd, { recursive: true })
  const manifest = { private: true, dependencies: { [runtime]: releases[runtime] } }
  writeFileSync(path.join(cwd, 'package.json'), JSON.stringify(manifest))
  console.error(`Installing ${runtime} ${releases[runtime]} …`)
  const options = { cwd, stdio: ['ignore', 'ignore', 'inherit'], shell: process.platform === 'win32' }
  const { status } = spawnSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], options)
  if (status !== 0) throw new Error(`${runtime} ${releases[runtime]} could not be installed from npm`)
}
