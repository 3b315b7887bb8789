#!/usr/bin/env node
// Whatever anybody may hand to a client, over each adapter: taken as it is, or refused before anything is written. Prints
// what became of the cases; exits with 1 when one of them was neither.
//
//   node scripts/fuzz.mjs             100,000 jobs over each adapter
//   node scripts/fuzz.mjs 5000        so many
import { spawn } from 'node:child_process'
import { root, vitest } from './vitest.mjs'

const [jobs = '100000'] = process.argv.slice(2)
const args = [vitest, 'run', 'test/fuzz.test.ts', '--disable-console-intercept']
const child = spawn(process.execPath, args, {
  cwd: root,
  env: { ...process.env, PGMQ_FUZZ_JOBS: jobs },
  stdio: 'inherit',
})
child.on('close', (status) => {
  process.exitCode = status ?? 1
})
