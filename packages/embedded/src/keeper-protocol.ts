import type { StopMode } from './options.js'

interface Program {
  readonly program: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly uid?: number
  readonly gid?: number
}

/** Run a program to its end, and say what it wrote. */
export interface RunOrder extends Program {
  readonly do: 'run'
  readonly input: string
}

/** Start the server, and say its process id. */
export interface StartOrder extends Program {
  readonly do: 'start'
  readonly logFile: string
}

/** End whatever runs, remove the scratch directory, and exit. */
export interface StopOrder {
  readonly do: 'stop'
  readonly mode: StopMode
}

export type Order = RunOrder | StartOrder | StopOrder

export interface Failed {
  readonly saw: 'failed'
  readonly code: string | undefined
  readonly message: string
}

export interface Ran {
  readonly saw: 'ran'
  readonly status: string
  readonly output: string
}

export interface Started {
  readonly saw: 'started'
  readonly pid: number
}

/** The server has ended; comes at any time after `started`, and answers no order. */
export interface Exited {
  readonly saw: 'exited'
  readonly pid: number
  readonly status: string
}

export type Report = Failed | Ran | Started | Exited
