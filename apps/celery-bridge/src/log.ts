import pino from 'pino'
import pretty from 'pino-pretty'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

export type Log = Readonly<Record<'debug' | 'info' | 'warn' | 'error', (fields: object, message: string) => void>>

/** JSON on stdout, for whatever gathers it; lines for people on a terminal. */
export function createLog(level: LogLevel): Log {
  const base = { pid: process.pid }
  if (!process.stdout.isTTY) return pino({ level, base }, pino.destination({ dest: 1, sync: true }))
  return pino({ level, base }, pretty({ translateTime: 'SYS:HH:MM:ss.l', ignore: 'pid', sync: true }))
}
