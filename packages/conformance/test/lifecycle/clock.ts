import { AsyncLocalStorage } from 'node:async_hooks'
import { vi } from 'vitest'

/** What the workers of one process share (`worker/alone.ts`), which here are several processes in one. */
export interface ProcessGlobals {
  alone?: unknown
}

const ALONE = Symbol.for('@pgmq/alone')
/** The clock's own, by which it knows what to put back. */
let setFakeTimer = globalThis.setTimeout
const processes = new AsyncLocalStorage<ProcessGlobals>()

/** Does something as that process: it, and whatever it leads to, finds that process's globals. */
export function inProcess<T>(globals: ProcessGlobals, work: () => T): T {
  return processes.run(globals, work)
}

/** Stops the clock, which from now on moves by `advance` alone; and keeps the processes' globals apart. */
export function stopClock(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  const setTimer = globalThis.setTimeout
  setFakeTimer = setTimer
  // A timer goes off in the process that set it.
  globalThis.setTimeout = ((callback: () => void, ms: number) => {
    const globals = globalsOfProcess()
    return setTimer(() => inProcess(globals, callback), ms)
  }) as typeof setTimeout
  Object.defineProperty(globalThis, ALONE, {
    configurable: true,
    get: () => globalsOfProcess().alone,
    set: (alone: unknown) => {
      globalsOfProcess().alone = alone
    },
  })
}

export function startClock(): void {
  globalThis.setTimeout = setFakeTimer
  vi.useRealTimers()
  delete (globalThis as { [ALONE]?: unknown })[ALONE]
}

/** Timers that are set meanwhile and due go off, too. */
export async function advance(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms)
  await settled()
}

/** Resolves when everything has gone on that waits neither for the database nor for the clock. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function globalsOfProcess(): ProcessGlobals {
  const globals = processes.getStore()
  if (!globals) throw new Error('this runs in no process of the walk')
  return globals
}
