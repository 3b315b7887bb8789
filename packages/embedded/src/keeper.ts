// A program of its own, started beside each server: the server's parent process, which outlives ours and ends the
// server when ours is gone, however that came about. Its only tie to us is the IPC channel, which the operating system
// closes for the dead.
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { closeSync, constants, fchownSync, openSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import type { Order, Report, RunOrder, StartOrder } from './keeper-protocol.js'
import type { StopMode } from './options.js'
import { recordServer } from './scratch.js'
import { killGroup, shutDown } from './shut-down.js'

const [scratch = '', orphanMode = 'fast'] = process.argv.slice(2)
let running: ChildProcess | undefined
let server: ChildProcess | undefined
let finishing = false

process.on('message', (order: Order) => {
  if (finishing) return
  if (order.do === 'run') run(order)
  else if (order.do === 'start') start(order)
  else void finish(order.mode)
})
process.on('disconnect', () => void finish(orphanMode as StopMode))
// Whoever stops our parent's whole group or session must not take the server from under it.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => {})

function run(order: RunOrder): void {
  const child = launch(order, 'pipe', true)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  child.stdin?.on('error', () => {}).end(order.input)
  running = child
  child.once('close', (code, signal) => {
    running = undefined
    report({ saw: 'ran', status: String(code ?? signal), output })
  })
}

function start(order: StartOrder): void {
  let log: number
  try {
    log = openLog(order)
  } catch (error) {
    report({ saw: 'failed', code: undefined, message: `its log cannot be written: ${String(error)}` })
    return
  }
  const child = launch(order, ['ignore', log, log], false)
  closeSync(log)
  const { pid } = child
  if (pid === undefined) return
  server = child
  recordServer(scratch, pid)
  child.once('exit', (code, signal) => {
    server = undefined
    report({ saw: 'exited', pid, status: String(code ?? signal) })
  })
  report({ saw: 'started', pid })
}

function launch(order: RunOrder | StartOrder, stdio: StdioOptions, detached: boolean): ChildProcess {
  const { program, args, cwd, uid, gid } = order
  const user = uid !== undefined && gid !== undefined ? { uid, gid } : {}
  const child = spawn(program, args, { ...user, cwd, stdio, detached, windowsHide: true })
  child.once('error', ({ code, message }: NodeJS.ErrnoException) => report({ saw: 'failed', code, message }))
  return child
}

function openLog({ logFile, uid, gid }: StartOrder): number {
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW = 0 } = constants
  const log = openSync(logFile, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600)
  if (uid !== undefined && gid !== undefined) fchownSync(log, uid, gid)
  return log
}

async function finish(mode: StopMode): Promise<void> {
  if (finishing) return
  finishing = true
  if (running?.pid !== undefined) await killGroup(running.pid)
  if (server?.pid !== undefined) await shutDown(server.pid, mode, server.spawnfile)
  if (scratch !== '') await rm(scratch, { recursive: true, force: true, maxRetries: 20 })
  process.exit(0)
}

function report(message: Report): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => {})
}
