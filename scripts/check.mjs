#!/usr/bin/env node
// `pnpm check` runs every check but the tests; `pnpm check lint types` runs those two. One line for each that is fine,
// its whole output for one that is not, and a non-zero exit code if there was any.
import { installWhenNeeded, run, runPnpm } from './toolchain.mjs'

const script = (name) => ({ command: process.execPath, args: [`scripts/check/${name}.mjs`] })
const tool = (...args) => ({ args: ['exec', ...args] })
const turbo = (task) => tool('turbo', 'run', task, '--output-logs=errors-only')

const checks = {
  build: turbo('build'), // most of the others look at what is built, so this comes first
  lockfile: script('lockfile'),
  format: tool('biome', 'ci', '--colors=off', '--error-on-warnings', '.'),
  lint: tool('eslint', '--no-error-on-unmatched-pattern', 'packages', 'apps', 'bench', 'chaos'),
  types: turbo('types'),
  'test:types': turbo('test:types'),
  unused: tool('knip', '--no-config-hints'),
  neutral: script('neutral-bundle'),
  size: tool('size-limit'),
  packed: script('packed'),
  consumer: script('consumer'),
  quickstart: script('quickstart'),
  docs: turbo('docs:build'),
}

const chosen = process.argv.slice(2)
const unknown = chosen.filter((name) => !(name in checks))
if (unknown.length > 0) {
  console.error(`No such check: ${unknown.join(', ')}. There are: ${Object.keys(checks).join(', ')}`)
  process.exit(1)
}

await installWhenNeeded()
const failed = []
for (const name of chosen.length > 0 ? chosen : Object.keys(checks)) {
  const { command, args } = checks[name]
  const startedAt = performance.now()
  const options = { output: 'onFailure' }
  const { exitCode, interrupted } = await (command ? run(command, args, options) : runPnpm(args, options))
  if (interrupted) process.exit(exitCode || 130)
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
  console.log(`${exitCode === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`)
  if (exitCode !== 0) failed.push(name)
  if (name === 'build' && exitCode !== 0) break
}
if (failed.length > 0) {
  console.error(`Failed: ${failed.join(', ')}`)
  process.exitCode = 1
}
