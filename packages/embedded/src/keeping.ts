import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Failed, Order, Ran, Report, RunOrder, Started, StartOrder } from './keeper-protocol.js'
import type { StopMode } from './options.js'
import { serverEnvironment } from './server-environment.js'
import { shutDown } from './shut-down.js'

/** Our side of the keeper: the program that runs the server and ends it with us. One order at a time. */
export interface Keeping {
  readonly pid: number
  run(order: Omit<RunOrder, 'do'>): Promise<Ran | Failed>
  /** Resolves as soon as there is a process. */
  start(order: Omit<StartOrder, 'do'>): Promise<Started | Failed>
  /** How the server ended, once it has. */
  exited(pid: number): string | undefined
  /** Ends the server, removes the scratch directory, and waits for both. May be called again. */
  stop(mode: StopMode): Promise<void>
  /** From now on the keeper does not hold our event loop open. */
  release(): void
}

interface Server {
  readonly pid: number
  readonly program: string
}

/** Starts a keeper. It removes `scratch` when it ends the server, so call this before anything is created there. */
export function startKeeper(scratch: string, orphanMode: StopMode): Keeping {
  const { keeper, pid } = forkKeeper(scratch, orphanMode)
  const ends = new Map<number, string>()
  let server: Server | undefined
  let stopping: Promise<void> | undefined
  const gone = once(keeper, 'exit')
  keeper.on('message', (report: Report) => {
    if (report.saw === 'exited') ends.set(report.pid, report.status)
  })
  const endUnkept = async (mode: StopMode): Promise<void> => {
    if (server) await shutDown(server.pid, mode, server.program)
    await rm(scratch, { recursive: true, force: true, maxRetries: 20 })
  }
  const end = async (mode: StopMode): Promise<void> => {
    hold(keeper, true)
    if (keeper.connected) keeper.send({ do: 'stop', mode } satisfies Order, () => {})
    await gone
    if (keeper.exitCode !== 0) await endUnkept(mode)
  }
  // Somebody killed the keeper alone: the server must not be left without one.
  void gone.then(() => {
    stopping ??= endUnkept(orphanMode)
  })
  return {
    pid,
    run: (order) => ask(keeper, { do: 'run', ...order }, isRanOrFailed),
    start: async (order) => {
      const report = await ask(keeper, { do: 'start', ...order }, isStartedOrFailed)
      if (report.saw === 'started') server = { pid: report.pid, program: order.program }
      return report
    },
    exited: (serverPid) => ends.get(serverPid),
    stop: (mode) => {
      stopping ??= end(mode)
      return stopping
    },
    release: () => hold(keeper, false),
  }
}

function forkKeeper(...args: readonly string[]): { readonly keeper: ChildProcess; readonly pid: number } {
  const keeper = fork(fileURLToPath(new URL('./keeper.js', import.meta.url)), args, {
    detached: true, // out of our process group: Ctrl-C is for the application, which may want to drain first
    execArgv: [],
    env: serverEnvironment(),
    cwd: process.platform === 'win32' ? undefined : '/',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  keeper.on('error', () => {}) // told by what follows: there is no pid, or no answer
  if (keeper.pid === undefined)
    throw new Error(`${process.execPath} cannot be started as the keeper of a PostgreSQL server`)
  return { keeper, pid: keeper.pid }
}

function ask<Answer extends Report>(
  keeper: ChildProcess,
  order: Order,
  isAnswer: (report: Report) => report is Answer,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      keeper.off('message', onMessage).off('exit', onExit)
    }
    const onMessage = (report: Report): void => {
      if (!isAnswer(report)) return
      settle()
      resolve(report)
    }
    const onExit = (code: number | null, signal: string | null): void => {
      settle()
      reject(
        new Error(`the keeper of the PostgreSQL server ended with ${code ?? signal} before the server had started`),
      )
    }
    keeper.on('message', onMessage).on('exit', onExit)
    if (keeper.exitCode !== null || keeper.signalCode !== null) onExit(keeper.exitCode, keeper.signalCode)
    else keeper.send(order, () => {})
  })
}

function isRanOrFailed(report: Report): report is Ran | Failed {
  return report.saw === 'ran' || report.saw === 'failed'
}

function isStartedOrFailed(report: Report): report is Started | Failed {
  return report.saw === 'started' || report.saw === 'failed'
}

function hold(keeper: ChildProcess, held: boolean): void {
  if (held) {
    keeper.ref()
    keeper.channel?.ref()
  } else {
    keeper.unref()
    keeper.channel?.unref()
  }
}
