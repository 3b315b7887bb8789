#!/usr/bin/env node
import { CommanderError } from 'commander'
import pg from 'pg'
import { Bridge } from './bridge/bridge.js'
import { readCommandLine, type Settings } from './command-line.js'
import { Failure, textOf } from './failure.js'
import { createLog } from './log.js'
import { routes } from './routes.js'
import { listenForStop } from './stop.js'

/** Locks that a bridge holds end with its transaction; so a bridge that is frozen is not to keep one open. */
function createPool(connectionString: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString,
    max: 2,
    connectionTimeoutMillis: 10_000,
    statement_timeout: 30_000,
    query_timeout: 35_000,
    idle_in_transaction_session_timeout: 60_000,
    keepAlive: true,
    application_name: 'pgmq-celery-bridge',
  })
  // One that breaks while idle is replaced; without a listener it would end the process.
  pool.on('error', () => {})
  return pool
}

async function run(settings: Settings, stop: AbortSignal): Promise<void> {
  const { databaseUrl, queues, wholeQueue, batchSize, pollIntervalMs, once, logLevel } = settings
  const log = createLog(logLevel)
  const pool = createPool(databaseUrl)
  const bridge = new Bridge({ pool, log, routes, queues, wholeQueue, batchSize, pollIntervalMs })
  try {
    await bridge.prepare().catch((error: unknown) => {
      throw new Failure(`cannot use the database: ${textOf(error)}`, { cause: error })
    })
    log.info({ queues, wholeQueue, tasks: [...routes.keys()] }, `looks for jobs in ${queues.join(', ')}`)
    await (once ? bridge.sweep(stop) : bridge.run(stop))
    log.info(bridge.tally, `stopped: ${bridge.tally.moved} jobs moved`)
  } finally {
    await bridge.close()
    await pool.end()
  }
}

async function main(): Promise<number> {
  try {
    await run(readCommandLine(process.argv.slice(2), process.env), listenForStop())
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode
    process.stderr.write(`error: ${textOf(error)}\n`)
    return 1
  }
}

process.exitCode = await main()
