#!/usr/bin/env node
// Every driver on every version of PostgreSQL and on every shape of pgmq at least once, chosen pairwise: each version
// meets each shape, too. Prints a table; exits with 1 when something failed, or did not run.
//
//   node scripts/matrix.mjs            all
//   node scripts/matrix.mjs pg-pool    drivers whose file has this in its name
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import path from 'node:path'
import { printMatrix } from './matrix-table.mjs'
import { findBuilds, startServer, versions } from './servers.mjs'
import { outputOf, root, vitest } from './vitest.mjs'

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
// It brings a database of its own, of one version and one shape.
const APART = 'pglite.test.ts'
// It needs Bun: see runtimes.mjs.
const ELSEWHERE = 'bun-sql.test.ts'
// While one run waits, another has the processor.
const LANES = availableParallelism() + 1

const startedMs = performance.now()
const [filter = ''] = process.argv.slice(2)
const files = readdirSync(path.join(root, 'drivers')).filter(
  (file) => file.endsWith('.test.ts') && file.includes(filter) && file !== ELSEWHERE,
)
const runs = runsOf(files)
findBuilds()
const folder = mkdtempSync(path.join(tmpdir(), 'pgmq-matrix-'))
const servers = new Map()
const rows = []
try {
  for (const version of versions) servers.set(version, await startServer(version))
  await Promise.all(Array.from({ length: LANES }, lane))
} finally {
  await Promise.all([...servers.values()].map((server) => server.stop({ mode: 'immediate' })))
  rmSync(folder, { recursive: true })
}
printMatrix(rows)
const bad = rows.filter(({ failed, passed, skips }) => failed > 0 || passed + skips.length === 0)
const seconds = Math.round((performance.now() - startedMs) / 1000)
console.log(
  `\n${rows.length - bad.length} of ${rows.length} green, in ${Math.floor(seconds / 60)} min ${seconds % 60} s`,
)
process.exitCode = bad.length === 0 && rows.length > 0 ? 0 : 1

/** Those that share a server and a shape are one run. */
function runsOf(chosen) {
  const cells = chosen
    .filter((file) => file !== APART)
    .flatMap((file, f) =>
      Object.keys(shapes).map((shape, s) => ({ file, shape, version: versions[(f + s) % versions.length] })),
    )
  const shared = versions.flatMap((version) =>
    Object.keys(shapes).map((shape) => ({
      version,
      shape,
      files: cells.filter((cell) => cell.version === version && cell.shape === shape).map(({ file }) => file),
    })),
  )
  const apart = { version: versions.at(-1), shape: undefined, files: chosen.filter((file) => file === APART) }
  return [...shared, apart].filter(({ files }) => files.length > 0)
}

async function lane() {
  for (let run = runs.shift(); run; run = runs.shift()) rows.push(...(await rowsOf(run)))
}

async function rowsOf({ version, shape, files }) {
  const title = `${shape ? `PostgreSQL ${version}, pgmq ${shape}: ` : ''}${files.join(', ').replaceAll('.test.ts', '')}`
  const report = path.join(folder, `${version}-${shape}.json`)
  const { status, text } = await outputOf(
    process.execPath,
    [vitest, 'run', ...files.map((file) => `drivers/${file}`), '--maxWorkers=1'],
    {
      ...shapes[shape],
      NO_COLOR: '1',
      DATABASE_URL: servers.get(version).url,
      PGMQ_TEST_ROWS: report,
    },
  )
  console.log(status === 0 ? title : `${title}: FAILED\n${text}`)
  const found = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : []
  const none = { driver: true, postgres: version, passed: 0, failed: 1, skips: [], seconds: 0 }
  const its = files.flatMap((file) => {
    const some = found.filter((row) => row.driver && row.file === `drivers/${file}`)
    return some.length > 0 ? some : [{ ...none, name: file }]
  })
  // Vitest also fails by what no test is guilty of.
  const lone = status !== 0 && its.every(({ failed }) => failed === 0) ? [{ ...none, name: files.join(', ') }] : []
  return [...its, ...lone].map((row) => (shape ? { ...row, pgmq: shape } : row))
}
