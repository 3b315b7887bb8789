import { readFileSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { inUse } from './data-dir.js'
import type { Keeping } from './keeping.js'
import type { ResolvedOptions } from './options.js'
import { freePort, portInUse, requireFreePort } from './port.js'
import { readPostmaster } from './postmaster.js'
import type { ServerHome } from './server-home.js'
import { startFailure } from './start-failure.js'
import { until } from './until.js'

/** A server that starts says something every 10 s, however long its recovery takes. */
const SILENCE_MS = 60_000
const RETRY_FOR_MS = 10_000
const RETRY_INTERVAL_MS = 50
const LOG_TAIL_LENGTH = 4000

export interface Launched {
  readonly pid: number
  readonly port: number
}

interface Place {
  readonly dataDir: string
  readonly startLog: string
}

type Failure = 'port' | 'busy' | 'starting' | 'leftovers' | 'other'

/** Starts the server and waits until it accepts connections; what is known to pass is tried again. */
export async function launch(
  keeping: Keeping,
  home: ServerHome,
  place: Place,
  options: ResolvedOptions,
): Promise<Launched> {
  const deadline = performance.now() + RETRY_FOR_MS
  for (;;) {
    const port = options.port ?? (await freePort())
    if (options.port !== undefined) await requireFreePort(options.port)
    const pid = await startOn(port, keeping, home, place, options)
    if (await becomesReady(pid, keeping, place)) return { pid, port }
    const log = readLog(place.startLog)
    const failure = classify(log)
    const passes =
      failure === 'leftovers' || failure === 'starting' || (failure === 'port' && options.port === undefined)
    if (!passes || performance.now() > deadline) {
      throw new Error(explain(failure, { port, dataDir: place.dataDir, status: keeping.exited(pid), log }))
    }
    await sleep(RETRY_INTERVAL_MS)
  }
}

async function startOn(
  port: number,
  keeping: Keeping,
  home: ServerHome,
  place: Place,
  options: ResolvedOptions,
): Promise<number> {
  const settings = new Map([
    ...options.settings,
    ['port', String(port)],
    ['listen_addresses', '127.0.0.1'],
    // None: their paths are limited to some 100 characters, and TCP serves every client.
    ['unix_socket_directories', ''],
  ])
  const program = home.program('postgres')
  const report = await keeping.start({
    program,
    args: ['-D', place.dataDir, ...[...settings].flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    cwd: home.dir,
    logFile: place.startLog,
    ...home.ids,
  })
  if (report.saw === 'started') return report.pid
  throw new Error(startFailure(program, report))
}

/** False when the server gave up. Its own pid file tells when it is ready, as it does to pg_ctl. */
async function becomesReady(pid: number, keeping: Keeping, place: Place): Promise<boolean> {
  const ready = (): boolean => {
    const postmaster = readPostmaster(place.dataDir)
    return postmaster?.pid === pid && postmaster.status === 'ready'
  }
  const ended = (): boolean => keeping.exited(pid) !== undefined
  for (let said = -1; said < sizeOf(place.startLog); ) {
    said = sizeOf(place.startLog)
    if (await until(() => ended() || ready(), SILENCE_MS)) return !ended()
  }
  throw new Error(
    `PostgreSQL is not ready on ${place.dataDir}, and has said nothing for ${SILENCE_MS / 1000} s. Its log ends with:\n${readLog(place.startLog)}`,
  )
}

function classify(log: string): Failure {
  if (/could not bind .*|could not create any TCP\/IP sockets/.test(log)) return 'port'
  if (/pre-existing shared memory block/.test(log)) return 'leftovers' // processes of a killed server are about to notice
  if (/lock file "postmaster.pid" is empty/.test(log)) return 'starting' // another server is about to write it
  if (/lock file "postmaster.pid" already exists/.test(log)) return 'busy'
  return 'other'
}

function explain(
  failure: Failure,
  facts: { port: number; dataDir: string; status: string | undefined; log: string },
): string {
  if (failure === 'port') return portInUse(facts.port)
  if (failure === 'busy' || failure === 'leftovers') return inUse(facts.dataDir)
  return `PostgreSQL ended with ${facts.status} instead of starting on ${facts.dataDir}. Its log ends with:\n${facts.log}`
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}

function readLog(file: string): string {
  try {
    return readFileSync(file, 'utf8').slice(-LOG_TAIL_LENGTH).trim()
  } catch {
    return '(no log)'
  }
}
