/** How often, and how far apart, a job that fails is tried again. */
export interface RetryPolicy {
  /** Attempts after the first. @defaultValue 3 */
  readonly maxRetries?: number
  /**
   * Seconds before a retry: by formula, or by a function of the retry's number (from 1), where 0 is at once.
   *
   * @defaultValue first retry at once, then 1 s, doubled each time, full jitter, at most 600 s
   */
  readonly backoff?: Backoff | ((retry: number) => number)
}

export interface Backoff {
  /** The bound of the first delay that is not "at once". */
  readonly baseSeconds: number
  /** @defaultValue 2 */
  readonly factor?: number
  /** @defaultValue 600 */
  readonly maxSeconds?: number
  /** `full`: anywhere between 0 and the bound, so that what failed together does not come back together. @defaultValue 'full' */
  readonly jitter?: 'full' | 'none'
  /** @defaultValue true */
  readonly firstAtOnce?: boolean
}

/** A policy with every default filled in. */
export interface ResolvedRetryPolicy {
  readonly maxRetries: number
  readonly backoff: Required<Backoff> | ((retry: number) => number)
}

/** Gives up after three retries: at once, then within 1 s and within 2 s. */
export const DEFAULT_RETRY: ResolvedRetryPolicy = {
  maxRetries: 3,
  backoff: { baseSeconds: 1, factor: 2, maxSeconds: 600, jitter: 'full', firstAtOnce: true },
}

/** Lays policies over each other, the most particular first. */
export function resolveRetry(...policies: readonly (RetryPolicy | undefined)[]): ResolvedRetryPolicy {
  const maxRetries = policies.find((policy) => policy?.maxRetries !== undefined)?.maxRetries ?? DEFAULT_RETRY.maxRetries
  const backoff = policies.find((policy) => policy?.backoff !== undefined)?.backoff
  if (backoff === undefined || typeof backoff === 'function')
    return { maxRetries, backoff: backoff ?? DEFAULT_RETRY.backoff }
  const { baseSeconds, factor = 2, maxSeconds = 600, jitter = 'full', firstAtOnce = true } = backoff
  return { maxRetries, backoff: { baseSeconds, factor, maxSeconds, jitter, firstAtOnce } }
}
