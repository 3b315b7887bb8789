import { execFile } from 'node:child_process'
import path from 'node:path'
import type { StopMode } from './options.js'
import { isAlive } from './postmaster.js'
import { until } from './until.js'

const FAST_MS = 10_000
const IMMEDIATE_MS = 5000

/** Ends a server and waits until it is gone. What does not listen in time is told more and more firmly. */
export async function shutDown(pid: number, mode: StopMode, program: string): Promise<void> {
  const gone = (): boolean => !isAlive(pid)
  if (mode === 'fast') {
    tell(pid, 'INT', program)
    if (await until(gone, FAST_MS)) return
  }
  tell(pid, 'QUIT', program)
  if (await until(gone, IMMEDIATE_MS)) return
  kill(pid, 'SIGKILL')
  await until(gone, IMMEDIATE_MS)
}

/** Ends a program that leads a process group, with all that it has started. */
export async function killGroup(pid: number): Promise<void> {
  kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL')
  await until(() => !isAlive(pid), IMMEDIATE_MS)
}

/** Signals: https://www.postgresql.org/docs/current/server-shutdown.html. Windows has none; `pg_ctl kill` stands in. */
function tell(pid: number, signal: 'INT' | 'QUIT', program: string): void {
  if (process.platform !== 'win32') kill(pid, `SIG${signal}`)
  else
    execFile(
      path.join(path.dirname(program), 'pg_ctl.exe'),
      ['kill', signal, String(pid)],
      { windowsHide: true },
      () => {},
    )
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // gone already
  }
}
