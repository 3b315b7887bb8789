// A reporter of vitest's: what each driver did, on which server, with the reason of every skip. Prints it; or, where
// PGMQ_TEST_ROWS names a file, leaves it there for who prints the rows of several runs.
import { writeFileSync } from 'node:fs'
import { printMatrix } from './matrix-table.mjs'

export class MatrixReporter {
  #chosen = false

  onInit(vitest) {
    this.#chosen = vitest.config.testNamePattern !== undefined
  }

  onTestRunEnd(modules) {
    const unless = this.#chosen ? 'its name was not asked for' : undefined
    const rows = modules.flatMap((module) => rowsOf(module, unless))
    if (process.env.PGMQ_TEST_ROWS) writeFileSync(process.env.PGMQ_TEST_ROWS, JSON.stringify(rows))
    else printMatrix(rows)
  }
}

/** A row for each driver of a file of drivers; one for any other file. `unless`: why what gives no reason is skipped. */
function rowsOf(module, unless) {
  const file = module.relativeModuleId
  const drivers = file.startsWith('drivers/') ? [...module.children.suites()] : []
  if (drivers.length === 0) return [{ file, name: file, ...countsOf(module, unless) }]
  return drivers.map((suite) => ({ file, name: suite.name, driver: true, ...countsOf(suite, unless) }))
}

function countsOf(suite, unless) {
  const tests = [...suite.children.allTests()]
  const those = (state) => tests.filter((test) => test.result().state === state)
  // What cannot even be loaded or set up has no failed test.
  const broken = suite.state() === 'failed' && those('failed').length === 0
  return {
    ...tests.find((test) => test.meta().server)?.meta().server,
    passed: those('passed').length,
    failed: broken ? 1 : those('failed').length,
    skips: those('skipped').map((test) => reasonOf(test, broken ? 'what it belongs to could not be set up' : unless)),
    seconds: tests.reduce((sum, test) => sum + (test.diagnostic()?.duration ?? 0), 0) / 1000,
  }
}

function reasonOf(test, unless) {
  if (process.env.SKIP_INTEGRATION_TESTS === 'true') return 'SKIP_INTEGRATION_TESTS=true'
  return test.meta().skipped ?? test.result().note ?? unless ?? `no reason is given for "${test.name}"`
}
