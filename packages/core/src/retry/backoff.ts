import { DEFAULT_RETRY, type ResolvedRetryPolicy } from './policy.js'

/** A year: no delay is longer, whatever a policy says. */
const MAX_SECONDS = 365 * 24 * 60 * 60

/**
 * Seconds before the n-th retry, n from 1.
 *
 * By default `0, r·1, r·2, r·4, … r·512, r·600, r·600 …` with r a new random number in [0, 1) each: the exponent
 * overflows only past the thousandth retry, and the cap holds there as well.
 */
export function backoffSeconds(retry: number, policy: ResolvedRetryPolicy, random: () => number): number {
  const { backoff } = policy
  if (typeof backoff === 'function') return chosen(backoff, retry) ?? fallback(retry, random)
  const { baseSeconds, factor, maxSeconds, jitter, firstAtOnce } = backoff
  if (firstAtOnce && retry <= 1) return 0
  const bound = Math.min(baseSeconds * factor ** (retry - (firstAtOnce ? 2 : 1)), maxSeconds, MAX_SECONDS)
  return jitter === 'full' ? random() * bound : bound
}

/** A number of seconds as a user's code gave it, within 0 and a year; `null` where it is no number. */
export function boundedSeconds(seconds: unknown): number | null {
  if (typeof seconds !== 'number' || Number.isNaN(seconds)) return null
  return Math.min(Math.max(seconds, 0), MAX_SECONDS)
}

/** A policy's function is a user's: neither an error of its own nor a value that is no number may cost the job its retry. */
function chosen(backoff: (retry: number) => number, retry: number): number | null {
  try {
    return boundedSeconds(backoff(retry))
  } catch {
    return null
  }
}

function fallback(retry: number, random: () => number): number {
  return backoffSeconds(retry, DEFAULT_RETRY, random)
}
