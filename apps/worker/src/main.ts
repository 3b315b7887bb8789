#!/usr/bin/env node
import { CommanderError } from 'commander'
import { readCommandLine } from './command-line.js'
import { messageOf } from './failure.js'
import { createTerminal } from './output/terminal.js'
import { runJob } from './run/job.js'
import { listenForStop } from './run/stop.js'

/** Left open by somebody else, a handle must not keep a finished job from ending. */
const LINGER_MS = 3_000

async function main(): Promise<number> {
  try {
    const settings = readCommandLine(process.argv.slice(2), process.env)
    const stop = listenForStop()
    return (await runJob(settings, createTerminal(process.stdout), stop)) ? 0 : 1
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode
    process.stderr.write(`error: ${messageOf(error, Boolean(process.env.DEBUG))}\n`)
    return 1
  }
}

process.exitCode = await main()
setTimeout(() => process.exit(), LINGER_MS).unref()
