#!/usr/bin/env node
// Builds the example app when needed and becomes it: its arguments, its exit code, its signals. The app runs directly
// under this process, since npm, pnpm and turbo in between would lose a SIGTERM or end before it does.
import path from 'node:path'
import { endWithParent, exitUnlessDone, installWhenNeeded, root, run, runPnpm } from './toolchain.mjs'

const app = '@pgmq/app-worker'
const entry = path.join(root, 'apps/worker/dist/main.js')

// Under a shell the program may well outlive it, as with nohup.
if (process.env.npm_lifecycle_event) endWithParent()
await installWhenNeeded()
const notice = setTimeout(() => console.error('Building …'), 2_000)
const built = await runPnpm(['exec', 'turbo', 'run', 'build', `--filter=${app}...`], { output: 'onFailure' })
clearTimeout(notice)
exitUnlessDone(built)

// npm runs scripts in the package's folder; a relative path in an argument is meant from where the user stands.
const cwd = (process.env.npm_lifecycle_event && process.env.INIT_CWD) || process.cwd()
const { exitCode } = await run(process.execPath, [entry, ...process.argv.slice(2)], { cwd, ownGroup: true })
process.exitCode = exitCode
