import { mkdirSync } from 'node:fs'
import path from 'node:path'
import pino, { type DestinationStream } from 'pino'
import pretty from 'pino-pretty'
import { codeOf, Failure, textOf } from '../failure.js'
import type { Settings } from '../settings.js'
import type { Terminal } from './terminal.js'

export type Log = Readonly<Record<'debug' | 'info' | 'warn' | 'error', (fields: object, message: string) => void>>

/**
 * The library's log: JSON to stderr or a file, readable lines on a terminal. Without a level that was asked for, only
 * warnings and errors, and none about single messages: those are in the table at the end. A service has no such table.
 */
export function createLog(settings: Settings, terminal: Terminal): Log {
  const { logLevel, debug } = settings
  const logger = pino(
    {
      level: logLevel ?? 'warn',
      base: { pid: process.pid },
      serializers: { err: (error: unknown) => errorOf(error, debug) },
    },
    destinationOf(settings, terminal),
  )
  const every = logLevel !== undefined || settings.watch
  const wanted = (fields: object): boolean => every || !('id' in fields)
  const at =
    (level: keyof Log): Log[keyof Log] =>
    (fields, message) => {
      if (wanted(fields)) logger[level](fields, message)
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

function destinationOf({ logFile }: Settings, terminal: Terminal): DestinationStream {
  if (logFile !== undefined) return fileOf(logFile)
  if (!process.stderr.isTTY) return pino.destination({ dest: 2, sync: true })
  const ignore = 'pid,queue,id,task,attempt,durationMs,delaySeconds,reason,err'
  const format = pretty.prettyFactory({ colorize: true, translateTime: 'SYS:HH:MM:ss.l', ignore })
  // Lines go above the block that is redrawn; on two different terminals that does no harm.
  return { write: (text) => terminal.line(format(text).trimEnd()) }
}

function fileOf(name: string): DestinationStream {
  try {
    mkdirSync(path.dirname(path.resolve(name)), { recursive: true })
    return pino.destination({ dest: name, sync: true })
  } catch (error) {
    throw new Failure(`cannot write the log file ${name}: ${textOf(error)}. Choose another --log-file`)
  }
}

/** Without the stack, unless it was asked for. */
function errorOf(error: unknown, debug: boolean): unknown {
  if (debug || !(error instanceof Error)) return pino.stdSerializers.err(error as Error)
  return { type: error.name, message: textOf(error), code: codeOf(error) }
}
