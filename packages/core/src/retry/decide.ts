import { backoffSeconds } from './backoff.js'
import type { History } from './history.js'
import { AT_ONCE, type Due, type Outcome } from './outcome.js'
import type { ResolvedRetryPolicy } from './policy.js'

export type DeadLetterReason =
  | 'retries_exhausted'
  | 'permanent'
  | 'invalid_input'
  | 'unknown_task'
  | 'timed_out'
  | 'crash_loop'

/** What becomes of the message. */
export type Decision =
  | { readonly kind: 'archive'; readonly output: unknown }
  | { readonly kind: 'retry'; readonly due: Due }
  | { readonly kind: 'snooze'; readonly due: Due }
  | { readonly kind: 'release' }
  | { readonly kind: 'deadLetter'; readonly reason: DeadLetterReason; readonly error: unknown }

export interface DecisionPolicy extends ResolvedRetryPolicy {
  /** A task that no worker knows for so long is dead-lettered. */
  readonly unknownTaskSeconds: number
}

/** What becomes of a message when a delivery ends. Pure: same arguments, same answer; the clock is the database's. */
export function decide(history: History, outcome: Outcome, policy: DecisionPolicy, random: () => number): Decision {
  switch (outcome.kind) {
    case 'succeeded':
      return { kind: 'archive', output: outcome.output }
    case 'snoozed':
      return { kind: 'snooze', due: outcome.due }
    case 'released':
      return { kind: 'release' }
    case 'invalid':
      return { kind: 'deadLetter', reason: 'invalid_input', error: outcome.error }
    case 'unknownTask':
      if (unknownSeconds(history.unknowns) >= policy.unknownTaskSeconds) {
        return { kind: 'deadLetter', reason: 'unknown_task', error: outcome.error }
      }
      return { kind: 'snooze', due: { seconds: unknownDelay(history.unknowns + 1) } }
    case 'timedOut':
      if (history.failures >= policy.maxRetries)
        return { kind: 'deadLetter', reason: 'timed_out', error: outcome.error }
      return { kind: 'retry', due: nextDue(history, policy, random) }
    case 'failed':
      if (outcome.permanent) return { kind: 'deadLetter', reason: 'permanent', error: outcome.error }
      if (history.failures >= policy.maxRetries)
        return { kind: 'deadLetter', reason: 'retries_exhausted', error: outcome.error }
      return { kind: 'retry', due: outcome.due ?? nextDue(history, policy, random) }
    default:
      return unreachable(outcome)
  }
}

function nextDue(history: History, policy: DecisionPolicy, random: () => number): Due {
  const seconds = backoffSeconds(history.failures + 1, policy, random)
  return seconds === 0 ? AT_ONCE : { seconds }
}

/** 1, 2, 4 … 32, then 60 s: new producers run before new workers do, for the length of a deploy. */
function unknownDelay(n: number): number {
  return n > 6 ? 60 : 2 ** (n - 1)
}

/** How long n such delays are together: 63 s after six, 60 s more for each that follows. */
function unknownSeconds(n: number): number {
  return n > 6 ? 63 + (n - 6) * 60 : 2 ** n - 1
}

function unreachable(outcome: never): never {
  throw new TypeError(`no decision for ${JSON.stringify(outcome)}`)
}
