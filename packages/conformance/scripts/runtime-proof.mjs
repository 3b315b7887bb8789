// Loaded by each of vitest's workers before the tests, which it marks with the runtime that they really run in.
import { realpathSync } from 'node:fs'
import { beforeEach } from 'vitest'

const { Bun, Deno, process } = globalThis
const expected = process.env.PGMQ_TEST_RUNTIME
const actual = Bun ? `Bun ${Bun.version}` : Deno ? `Deno ${Deno.version.deno}` : `Node.js ${process.versions.node}`
if (actual !== expected) throw new Error(`the tests run in ${actual}, not in ${expected}`)

const program = realpathSync(process.execPath)
if (program !== realpathSync(process.env.PGMQ_TEST_PROGRAM)) throw new Error(`the tests run in ${program}`)

beforeEach(({ task }) => {
  task.meta.runtime = actual
})
