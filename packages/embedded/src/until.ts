import { setTimeout as sleep } from 'node:timers/promises'

/** Waits for a condition; false when it did not come true in time. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number,
  pollIntervalMs = 10,
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs
  while (!(await condition())) {
    if (performance.now() >= deadline) return false
    await sleep(pollIntervalMs)
  }
  return true
}
