import { setTimeout as sleep } from 'node:timers/promises'

/** Waits for a condition; false when it did not come true in time. What it throws counts as not yet. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number,
  pollIntervalMs = 50,
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    try {
      if (await condition()) return true
    } catch {
      // A server that is away has no answer.
    }
    if (performance.now() >= deadline) return false
    await sleep(pollIntervalMs)
  }
}
