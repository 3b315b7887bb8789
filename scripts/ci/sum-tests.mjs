// Sums up the reports that vitest left in `.turbo/tests` of each package, one for each run. A package with tests that
// left none of a run's reports counts as a failure: its vitest never came to the end.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { root } from '../toolchain.mjs'

const packages = ['packages', 'apps'].flatMap((parent) =>
  readdirSync(path.join(root, parent)).map((name) => path.join(root, parent, name)),
)
packages.push(path.join(root, 'chaos'))
const tested = packages.filter((directory) => {
  const file = path.join(directory, 'package.json')
  return existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).scripts?.test !== undefined
})
const reportsOf = (directory) => {
  const folder = path.join(directory, '.turbo/tests')
  return existsSync(folder) ? readdirSync(folder) : []
}
const runs = new Set(tested.flatMap(reportsOf))

let passed = 0
let failed = 0
for (const run of runs) {
  for (const directory of tested) {
    const name = `${path.relative(root, directory)} (${path.basename(run, '.json')})`
    const file = path.join(directory, '.turbo/tests', run)
    if (!existsSync(file)) {
      console.log(`${name}: no report`)
      failed++
      continue
    }
    const report = JSON.parse(readFileSync(file, 'utf8'))
    // A file that cannot even be loaded has no failed test.
    const failures = report.numFailedTests || (report.success ? 0 : Math.max(1, report.numFailedTestSuites))
    console.log(`${name}: ${report.numPassedTests} passed, ${failures} failed, ${report.numPendingTests} skipped`)
    passed += report.numPassedTests
    failed += failures
  }
}
console.log(`${passed} passed, ${failed} failed`)
if (passed === 0 || failed > 0) process.exitCode = 1
