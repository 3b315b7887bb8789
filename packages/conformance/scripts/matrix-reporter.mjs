// A reporter of vitest's: what each driver did, on which server, with the reason of every skip. Prints it; or, where
// PGMQ_TEST_ROWS names a file, leaves it there for who prints the rows of several runs.
import { writeFileSync } from 'node:fs'
import { printMatrix } from './matrix-table.mjs'

export class MatrixReporter {
  onTestRunEnd(modules) {
    const rows = modules.flatMap(rowsOf)
    if (process.env.PGMQ_TEST_ROWS) writeFileSync(process.env.PGMQ_TEST_ROWS, JSON.stringify(rows))
    else printMatrix(rows)
  }
}

/** A row for each driver of a file of drivers; one for any other file. */
function rowsOf(module) {
  const file = module.relativeModuleId
  const drivers = file.startsWith('drivers/') ? [...module.children.suites()] : []
  if (drivers.length === 0) return [{ file, name: file, ...countsOf(module) }]
  return drivers.map((suite) => ({ file, name: suite.name, driver: true, ...countsOf(suite) }))
}

function countsOf(suite) {
  const tests = [...suite.children.allTests()]
  const those = (state) => tests.filter((test) => test.result().state === state)
  // What cannot even be loaded or set up has no failed test.
  const broken = suite.state() === 'failed' && those('failed').length === 0
  return {
    ...tests.find((test) => test.meta().server)?.meta().server,
    passed: those('passed').length,
    failed: broken ? 1 : those('failed').length,
    skips: those('skipped').map((test) => reasonOf(test, broken)),
    seconds: tests.reduce((sum, test) => sum + (test.diagnostic()?.duration ?? 0), 0) / 1000,
  }
}

function reasonOf(test, broken) {
  if (process.env.SKIP_INTEGRATION_TESTS === 'true') return 'SKIP_INTEGRATION_TESTS=true'
  const known = test.meta().skipped ?? test.result().note
  return known ?? (broken ? 'what it belongs to could not be set up' : `no reason is given for "${test.name}"`)
}
