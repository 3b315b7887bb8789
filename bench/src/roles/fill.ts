import type { System } from '../systems/system.js'
import type { Stage } from './stage.js'

export interface FillOptions {
  readonly jobs: number
  readonly perCall: number
}

/** Makes the system's tables, and puts jobs 0 to `jobs` − 1 into its queue: so many a call, one call after the other. */
export async function fill(system: System, { jobs, perCall }: FillOptions, stage: Stage): Promise<{ ms: number }> {
  await system.prepare()
  const calls = Array.from({ length: Math.ceil(jobs / perCall) }, (_, call) =>
    Array.from({ length: Math.min(perCall, jobs - call * perCall) }, (_, i) => ({ n: call * perCall + i, at: 0 })),
  )
  stage.tell('ready')
  await stage.go
  const startedMs = performance.now()
  for (const call of calls) await system.enqueueMany(call)
  return { ms: performance.now() - startedMs }
}
