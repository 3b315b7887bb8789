import type { System } from '../systems/system.js'

/** The middle one of some looks for work at an empty queue; nothing where the system has no such thing. */
export async function look(system: System): Promise<{ lookMs?: number }> {
  if (!system.look) return {}
  const times: number[] = []
  for (let i = 0; i < 7; i++) {
    const startedMs = performance.now()
    await system.look()
    times.push(performance.now() - startedMs)
  }
  times.sort((a, b) => a - b)
  return { lookMs: times[3] as number }
}
