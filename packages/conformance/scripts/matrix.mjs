#!/usr/bin/env node
// Every driver on every version of PostgreSQL and on every shape of pgmq at least once, chosen pairwise: each version
// meets each shape, too. Prints a table; exits with 1 when something failed, or did not run.
//
//   node scripts/matrix.mjs            all
//   node scripts/matrix.mjs pg-pool    drivers whose file has this in its name
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { environmentWithBuilds, versions } from './builds.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const fixtures = (...names) => names.map((name) => path.join(root, 'fixtures', `${name}.sql`)).join(path.delimiter)

const shapes = {
  '1.11.1': {},
  '1.11.1, SQL only': { PGMQ_TEST_INSTALL: 'sql' },
  1.4: { PGMQ_TEST_RESHAPE: fixtures('reshape', 'pgmq-1.9', 'pgmq-1.5', 'pgmq-1.4') },
  1.5: { PGMQ_TEST_RESHAPE: fixtures('reshape', 'pgmq-1.9', 'pgmq-1.5') },
  1.9: { PGMQ_TEST_RESHAPE: fixtures('reshape', 'pgmq-1.9') },
  '1.10, upgraded': { PGMQ_TEST_RESHAPE: fixtures('reshape', 'pgmq-1.10-upgraded') },
  ahead: { PGMQ_TEST_RESHAPE: fixtures('reshape', 'pgmq-ahead') },
}

const [filter = ''] = process.argv.slice(2)
// It brings a database of its own, of one version.
const apart = ['pglite.test.ts']
const drivers = readdirSync(path.join(root, 'drivers')).filter(
  (file) => file.endsWith('.test.ts') && file.includes(filter) && !apart.includes(file),
)
const cells = drivers.flatMap((driver, d) =>
  Object.keys(shapes).map((shape, s) => ({ driver, shape, version: versions[(d + s) % versions.length] })),
)

const env = environmentWithBuilds()
const folder = mkdtempSync(path.join(tmpdir(), 'pgmq-matrix-'))
const results = []
for (const version of versions) {
  for (const [shape, settings] of Object.entries(shapes)) {
    const chosen = cells.filter((cell) => cell.version === version && cell.shape === shape)
    if (chosen.length > 0) results.push(...run(chosen, version, shape, settings))
  }
}
rmSync(folder, { recursive: true })
report(results)

function run(chosen, version, shape, settings) {
  const report = path.join(folder, `${version}-${shape}.json`)
  const files = chosen.map(({ driver }) => `drivers/${driver}`)
  const args = ['vitest', 'run', ...files, '--reporter=dot', '--reporter=json', `--outputFile.json=${report}`]
  console.log(
    `PostgreSQL ${version}, pgmq ${shape}: ${chosen.map(({ driver }) => driver.replace('.test.ts', '')).join(', ')}`,
  )
  const { status, stdout, stderr } = spawnSync('npx', args, {
    cwd: root,
    env: { ...env, ...settings, PGMQ_TEST_POSTGRES: String(version), DATABASE_URL: '' },
    encoding: 'utf8',
    maxBuffer: 1e8,
    shell: process.platform === 'win32',
  })
  if (status !== 0) console.log(stdout, stderr)
  return chosen.map((cell) => ({ ...cell, ...outcome(report, cell.driver) }))
}

function outcome(report, driver) {
  try {
    const { testResults } = JSON.parse(readFileSync(report, 'utf8'))
    const { assertionResults, startTime, endTime, status } = testResults.find(({ name }) => name.endsWith(`/${driver}`))
    const count = (wanted) => assertionResults.filter((test) => test.status === wanted).length
    const skipped = assertionResults.length - count('passed') - count('failed')
    const failed = count('failed') || (status === 'passed' ? 0 : 1)
    return {
      passed: count('passed'),
      failed,
      skipped,
      seconds: (endTime - startTime) / 1000,
      name: assertionResults[0]?.ancestorTitles[0],
    }
  } catch {
    return { passed: 0, failed: 1, skipped: 0, seconds: 0 }
  }
}

function report(rows) {
  const table = rows.map(({ name, driver, version, shape, passed, failed, skipped, seconds }) => ({
    driver: name ?? driver,
    PostgreSQL: version,
    pgmq: shape,
    passed,
    failed,
    skipped,
    seconds: Number(seconds.toFixed(1)),
  }))
  table.sort((a, b) => a.driver.localeCompare(b.driver))
  console.table(table)
  const bad = rows.filter(({ failed, passed, skipped }) => failed > 0 || passed + skipped === 0)
  console.log(bad.length === 0 ? `all of ${rows.length} green` : `${bad.length} of ${rows.length} failed`)
  process.exitCode = bad.length === 0 ? 0 : 1
}
