import type { System } from '../systems/system.js'
import type { Stage } from './stage.js'

export interface EnqueueOptions {
  readonly inFlight: number
  readonly warmUpMs: number
  readonly ms: number
}

/** One job a call, so many calls at once, each followed by the next. */
export async function enqueue(
  system: System,
  { inFlight, warmUpMs, ms }: EnqueueOptions,
  stage: Stage,
): Promise<{ perSecond: number; total: number }> {
  await system.prepare()
  stage.tell('ready')
  await stage.go
  let total = 0
  const during = async (untilMs: number): Promise<void> => {
    while (performance.now() < untilMs) await system.enqueue({ n: total++, at: 0 })
  }
  const callers = (untilMs: number): Promise<unknown> =>
    Promise.all(Array.from({ length: inFlight }, () => during(untilMs)))
  await callers(performance.now() + warmUpMs)
  const before = total
  const startedMs = performance.now()
  await callers(startedMs + ms)
  return { perSecond: ((total - before) / (performance.now() - startedMs)) * 1000, total }
}
