import type { Worker, WorkerEvents } from '@pgmq/core'

const NAMES = [
  'started',
  'succeeded',
  'retried',
  'deadLettered',
  'snoozed',
  'timedOut',
  'leaseLost',
  'released',
  'crashed',
  'parked',
  'eventLoopBlocked',
  'connection',
] as const satisfies readonly (keyof WorkerEvents)[]

type Recorded = { readonly [E in keyof WorkerEvents]: WorkerEvents[E][] }

/** Every event of a worker, by name. */
export function record(worker: Worker): Recorded {
  const recorded = Object.fromEntries(NAMES.map((name) => [name, [] as unknown[]])) as unknown as Recorded
  for (const name of NAMES) worker.on(name, (event) => void (recorded[name] as unknown[]).push(event))
  return recorded
}
