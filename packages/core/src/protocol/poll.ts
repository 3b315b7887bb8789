import { LONGEST_TIMER_MS, seconds, wholeNumber } from '../checks.js'
import { pause } from '../client/pause.js'

export interface PollOptions {
  /**
   * Gives up after so long, with nothing.
   *
   * @defaultValue 5
   */
  readonly maxPollSeconds?: number
  /** @defaultValue 100 */
  readonly pollIntervalMs?: number
  /** Rejects with its reason when it aborts; a read that is under way then is waited for first. */
  readonly signal?: AbortSignal
}

/** Asks until there is something. @throws CONFIGURATION_INVALID */
export async function poll<T>(
  { maxPollSeconds = 5, pollIntervalMs = 100, signal }: PollOptions,
  ask: () => Promise<readonly T[]>,
): Promise<readonly T[]> {
  const limitMs = seconds('maxPollSeconds', maxPollSeconds) * 1000
  wholeNumber('pollIntervalMs', pollIntervalMs, 1, LONGEST_TIMER_MS)
  const started = performance.now()
  for (;;) {
    signal?.throwIfAborted()
    const found = await ask()
    const leftMs = limitMs - (performance.now() - started)
    if (found.length > 0 || leftMs <= 0) return found
    await pause(Math.min(leftMs, pollIntervalMs), signal)
  }
}
