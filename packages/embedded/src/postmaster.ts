import { readFileSync } from 'node:fs'
import path from 'node:path'

/** What a running server writes into its data directory, in `postmaster.pid`. */
export interface Postmaster {
  readonly pid: number
  readonly port: number
  /** `starting`, `ready`, `stopping`, `standby`: https://www.postgresql.org/docs/current/storage-file-layout.html */
  readonly status: string
}

export function readPostmaster(dataDir: string): Postmaster | undefined {
  try {
    const lines = readFileSync(path.join(dataDir, 'postmaster.pid'), 'utf8').split('\n')
    const pid = Number(lines[0])
    // pid 0 and -1 would address whole process groups
    return pid > 1 ? { pid, port: Number(lines[3]), status: lines[7]?.trim() ?? '' } : undefined
  } catch {
    return undefined
  }
}

export function isRunning(postmaster: Postmaster | undefined): postmaster is Postmaster {
  return postmaster !== undefined && isAlive(postmaster.pid) && isPostgres(postmaster.pid)
}

/** A process that has ended stays in the table until its parent asks for it, which the first process of a container may never do. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  return !isZombie(pid)
}

function isZombie(pid: number): boolean {
  try {
    return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false // not Linux, or gone in the meantime: the next look will tell
  }
}

/** Tells a process from a later one with the same number; `undefined` where that cannot be told. */
export function startOf(pid: number): string | undefined {
  try {
    // Field 22, counted behind the name, which may hold anything: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[19]
  } catch {
    return undefined // not Linux
  }
}

/** False only where it is certain: on Linux, when the process can be seen and is another program. */
function isPostgres(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'postgres'
  } catch {
    return true
  }
}
