import { configurationInvalid } from './errors.js'
import type { RetryPolicy } from './retry/policy.js'
import { shownPlainly } from './shown.js'

/** @throws CONFIGURATION_INVALID */
export function positive(field: string, value: number): number {
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value
  throw configurationInvalid(field, `${field} ${shownPlainly(value)} is invalid: give a number above 0`)
}

/** A length of time from 0 to a hundred years. @throws CONFIGURATION_INVALID */
export function seconds(field: string, value: number): number {
  if (typeof value === 'number' && value >= 0 && value <= 3_155_760_000) return value
  throw configurationInvalid(
    field,
    `${field} ${shownPlainly(value)} is invalid: give a number of seconds, from 0 to a hundred years`,
  )
}

/** @throws CONFIGURATION_INVALID */
export function days(field: string, value: number): number {
  if (typeof value === 'number' && value > 0 && value <= 36_525) return value
  throw configurationInvalid(
    field,
    `${field} ${shownPlainly(value)} is invalid: give a number of days above 0, up to a hundred years`,
  )
}

/** Timers hold 31 bits: one set to more fires at once. */
export const LONGEST_TIMER_MS: number = 2 ** 31 - 1
/** PostgreSQL's `int`. */
const LARGEST = 2 ** 31 - 1

/** @throws CONFIGURATION_INVALID */
export function wholeNumber(field: string, value: number, least: number, most: number = LARGEST): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw configurationInvalid(
    field,
    `${field} ${shownPlainly(value)} is invalid: give a whole number from ${least} to ${most}`,
  )
}

/** @throws CONFIGURATION_INVALID */
export function checkRetry(policy: RetryPolicy | undefined): void {
  if (policy?.maxRetries !== undefined) wholeNumber('retry.maxRetries', policy.maxRetries, 0)
  const backoff = policy?.backoff
  if (backoff === undefined || typeof backoff === 'function') return
  positive('retry.backoff.baseSeconds', backoff?.baseSeconds)
  if (backoff.factor !== undefined) positive('retry.backoff.factor', backoff.factor)
  if (backoff.maxSeconds !== undefined) positive('retry.backoff.maxSeconds', backoff.maxSeconds)
}
