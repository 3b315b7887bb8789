import { rename } from 'node:fs/promises'
import path from 'node:path'
import { openDataDir, requireDirectory, userOf } from './data-dir.js'
import { type Keeping, startKeeper } from './keeping.js'
import { type Launched, launch } from './launch.js'
import {
  type PostgresVersion,
  type ResolvedOptions,
  resolveOptions,
  type StartPostgresOptions,
  type StopMode,
} from './options.js'
import type { RunAs } from './run-as.js'
import { createScratch, scratchIn, sweepOrphans, temporaryDirectory } from './scratch.js'
import { cloneCluster, prepareHome, type ServerHome } from './server-home.js'

/** A running server. It ends with this process at the latest, however this process ends. */
export interface EmbeddedPostgres extends AsyncDisposable {
  /** Superuser's connection string, to a database that has pgmq: `postgres://postgres@127.0.0.1:<port>/postgres`. */
  readonly url: string
  readonly port: number
  readonly dataDir: string
  /** What the server says; written anew at each start. */
  readonly logFile: string
  readonly version: PostgresVersion
  /** Process id of the server (the postmaster). */
  readonly pid: number
  /**
   * Ends the server, waits until it is gone, and removes the data unless a `dataDir` was given. May be called again.
   *
   * @param options.mode - see {@link StopMode}; `fast` unless told
   */
  readonly stop: (options?: { readonly mode?: StopMode }) => Promise<void>
}

interface Place {
  readonly dataDir: string
  /** Written until the server is ready, when it becomes `logFile`: a start that loses a race must not spoil the winner's. */
  readonly startLog: string
  readonly logFile: string
  /** Removed when the server ends. */
  readonly scratch: string
}

/**
 * Starts a real PostgreSQL server with pgmq on this machine. Everything comes from npm packages; as root, the server
 * runs as user `postgres` or `nobody`, since PostgreSQL refuses root.
 *
 * It listens on 127.0.0.1 alone and asks nobody for a password: for development and tests, not for production.
 *
 * @throws Error when an option, the data directory, the port or this platform cannot be used; its message has the remedy
 * @example
 * await using postgres = await startPostgres()
 * const pool = new Pool({ connectionString: postgres.url })
 */
export async function startPostgres(options: StartPostgresOptions = {}): Promise<EmbeddedPostgres> {
  const resolved = resolveOptions(options)
  if (resolved.dataDir !== undefined) requireDirectory(resolved.dataDir)
  const user = userOf(resolved.dataDir)
  const place = placeOf(resolved.dataDir, user)
  const keeping = startKeeper(place.scratch, resolved.dataDir === undefined ? 'immediate' : 'fast')
  try {
    const home = await prepareHome(resolved, user)
    await prepareData(home, keeping, place, resolved)
    const launched = await launch(keeping, home, place, resolved)
    await rename(place.startLog, place.logFile)
    keeping.release()
    return handle(launched, place, resolved.version, keeping)
  } catch (error) {
    await keeping.stop('immediate')
    throw error
  }
}

function placeOf(dataDir: string | undefined, user: RunAs | undefined): Place {
  if (dataDir !== undefined) {
    const scratch = scratchIn(dataDir)
    return { dataDir, startLog: path.join(scratch, 'start.log'), logFile: path.join(dataDir, 'server.log'), scratch }
  }
  const scratch = scratchIn(temporaryDirectory(user))
  const logFile = path.join(scratch, 'server.log')
  return { dataDir: path.join(scratch, 'data'), startLog: logFile, logFile, scratch }
}

async function prepareData(home: ServerHome, keeping: Keeping, place: Place, options: ResolvedOptions): Promise<void> {
  if (options.dataDir !== undefined) {
    const sync = options.settings.get('fsync') !== 'off'
    await openDataDir(home, keeping, place.dataDir, options.version, { scratch: place.scratch, sync })
    return
  }
  await sweepOrphans(path.dirname(place.scratch), home.program('postgres'))
  await createScratch(place.scratch, keeping.pid)
  await cloneCluster(home, keeping, place.dataDir)
}

function handle({ pid, port }: Launched, place: Place, version: PostgresVersion, keeping: Keeping): EmbeddedPostgres {
  const { dataDir, logFile } = place
  const stop = (options: { readonly mode?: StopMode } = {}): Promise<void> => keeping.stop(options.mode ?? 'fast')
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  return { url, port, dataDir, logFile, version, pid, stop, [Symbol.asyncDispose]: () => stop() }
}
