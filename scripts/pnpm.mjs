#!/usr/bin/env node
// `node scripts/pnpm.mjs <arguments>` is `pnpm <arguments>` on a machine that has only Node.js and npm.
import { installWhenNeeded, runPnpm } from './toolchain.mjs'

await installWhenNeeded()
const { exitCode } = await runPnpm(process.argv.slice(2))
process.exitCode = exitCode
