#!/usr/bin/env node
// The suite of every driver, in Bun and in Deno: vitest itself, its workers and the drivers run there; only the server is
// started from here. Prints a line for each runtime and driver; exits with 1 when something failed, or did not run there.
//
//   node scripts/runtimes.mjs         both
//   node scripts/runtimes.mjs bun     one of them
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { denoFolder, runtimeBuild } from './runtime-builds.mjs'
import { startServer } from './servers.mjs'
import { outputOf, vitest } from './vitest.mjs'

const drivers = ['pg-pool', 'postgres-js']
const runtimes = {
  // What it starts by the name of `node` is to be Bun, too.
  bun: { title: 'Bun', args: ['--bun'], env: {}, drivers: [...drivers, 'bun-sql'] },
  deno: { title: 'Deno', args: ['run', '--allow-all', '--no-lock'], env: { DENO_DIR: denoFolder }, drivers },
}

const chosen = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(runtimes)
const unknown = chosen.find((name) => !Object.hasOwn(runtimes, name))
if (unknown) throw new Error(`no runtime ${unknown}: use ${Object.keys(runtimes).join(' or ')}`)

const builds = chosen.map((name) => ({ ...runtimes[name], ...runtimeBuild(name) }))
const folder = mkdtempSync(path.join(tmpdir(), 'pgmq-runtimes-'))
const server = process.env.DATABASE_URL
  ? { url: process.env.DATABASE_URL, stop: async () => {} }
  : await startServer(18)
try {
  let green = true
  for (const build of builds) green = (await run(build)) && green
  process.exitCode = green ? 0 : 1
} finally {
  await server.stop({ mode: 'immediate' })
  rmSync(folder, { recursive: true })
}

async function run({ title, program, version, args, env, drivers }) {
  const runtime = `${title} ${version}`
  const report = path.join(folder, `${title}.json`)
  const output = await outputOf(
    program,
    [
      ...[...args, vitest, 'run', '--config=scripts/runtimes.config.mjs', '--root=.'],
      ...drivers.map((driver) => `drivers/${driver}.test.ts`),
      ...['--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
    ],
    { ...env, DATABASE_URL: server.url, PGMQ_TEST_RUNTIME: runtime, PGMQ_TEST_PROGRAM: program },
  )
  const results = drivers.flatMap((driver) => outcomes(report, driver, runtime))
  const green = output.status === 0 && results.every(({ good }) => good)
  if (!green) console.log(output.text)
  for (const { line } of results) console.log(`${runtime}, ${line}`)
  if (!green && results.every(({ good }) => good)) console.log(`${runtime}: vitest failed outside of the tests`)
  return green
}

/** A file has one driver, or several. */
function outcomes(report, name, runtime) {
  const file = fileOf(report, name)
  const tests = file?.assertionResults ?? []
  const titles = [...new Set(tests.map(({ ancestorTitles }) => ancestorTitles[0]))]
  if (titles.length === 0) return [{ good: false, line: `${name}: did not run` }]
  return titles.map((title) =>
    outcome(
      title,
      tests.filter(({ ancestorTitles }) => ancestorTitles[0] === title),
      runtime,
    ),
  )
}

function outcome(title, tests, runtime) {
  const passed = tests.filter(({ status }) => status === 'passed')
  const failed = tests.filter(({ status }) => status === 'failed')
  const skipped = tests.filter((test) => !passed.includes(test) && !failed.includes(test))
  const there = passed.filter(({ meta }) => meta?.runtime === runtime)
  const good = failed.length === 0 && passed.length > 0 && there.length === passed.length
  const seconds = tests.reduce((sum, { duration = 0 }) => sum + duration, 0) / 1000
  const counts = `${passed.length} passed, ${there.length} of them seen in it, ${failed.length} failed, ${skipped.length} skipped`
  const reasons = [...failed, ...skipped].map(({ status, title }) => `\n  ${status}: ${title}`)
  return { good, line: `${title}: ${counts}, ${seconds.toFixed(1)} s${reasons.join('')}` }
}

function fileOf(report, driver) {
  try {
    const { testResults } = JSON.parse(readFileSync(report, 'utf8'))
    return testResults.find(({ name }) => name.endsWith(`/${driver}.test.ts`))
  } catch {
    return undefined
  }
}
