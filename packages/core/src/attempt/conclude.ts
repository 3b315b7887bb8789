import { errorText } from '../errors.js'
import { HEADER } from '../headers.js'
import { storableCopy, storableText } from '../json.js'
import { DEFAULTS } from '../options.js'
import type { HeaderPatch } from '../retry/counters.js'
import { countersAfter } from '../retry/counters.js'
import { type Decision, type DecisionPolicy, decide } from '../retry/decide.js'
import type { History } from '../retry/history.js'
import type { Due, Outcome } from '../retry/outcome.js'
import type { Operation } from './operation.js'

/** A delivery that has ended, and where. */
export interface Ending {
  readonly readCount: number
  readonly history: History
  readonly outcome: Outcome
  readonly policy: DecisionPolicy
  readonly onSuccess: 'archive' | 'delete'
  /** A dead-letter queue has none of its own. */
  readonly hasDeadLetterQueue: boolean
  /** No earlier than so many seconds from now: a handler that outlived its time-out may still be at work. */
  readonly leastDelaySeconds: number
  /** Where a retry at once cannot stay in its slot, it keeps at least its place in the queue. */
  readonly keepPlace: boolean
}

export interface Conclusion {
  readonly decision: Decision
  readonly operation: Operation
  /** The output was too large, or no JSON, to be kept in the archive. */
  readonly outputLeftOut: boolean
}

/** From an outcome to the statement that ends the lease. */
export function conclude(ending: Ending, random: () => number): Conclusion {
  const { outcome, history, readCount } = ending
  const decision = decide(history, outcome, ending.policy, random)
  // Nearly every delivery ends here, and leaves its counters as they are.
  if (decision.kind === 'archive') return finish(ending, decision)
  const counters = countersAfter(outcome.kind, history, readCount)
  switch (decision.kind) {
    case 'retry': {
      const due = noEarlier(decision.due, ending.leastDelaySeconds)
      const operation: Operation =
        ending.keepPlace && isAtOnce(due)
          ? { kind: 'release', patch: counters }
          : { kind: 'retry', patch: counters, due }
      return { decision: { kind: 'retry', due }, operation, outputLeftOut: false }
    }
    case 'snooze':
      return { decision, operation: { kind: 'retry', patch: counters, due: decision.due }, outputLeftOut: false }
    case 'release':
      return { decision, operation: { kind: 'release', patch: counters }, outputLeftOut: false }
    case 'deadLetter':
      return { decision, operation: bury(ending, decision), outputLeftOut: false }
  }
}

export const isAtOnce = (due: Due): boolean => 'seconds' in due && due.seconds === 0

function noEarlier(due: Due, leastSeconds: number): Due {
  if (leastSeconds === 0 || 'at' in due) return leastSeconds === 0 ? due : { seconds: leastSeconds }
  return due.seconds >= leastSeconds ? due : { seconds: leastSeconds }
}

function finish(ending: Ending, decision: Extract<Decision, { kind: 'archive' }>): Conclusion {
  if (ending.onSuccess === 'delete') return { decision, operation: { kind: 'delete' }, outputLeftOut: false }
  const { patch, leftOut } = archivePatch(ending.history, decision.output)
  return { decision, operation: { kind: 'archive', patch }, outputLeftOut: leftOut }
}

/** What an archived message keeps of its handler's output. A row without it succeeded as well. */
export function archivePatch(
  history: Pick<History, 'alone'>,
  output: unknown,
): { patch: HeaderPatch | null; leftOut: boolean } {
  const cleared: HeaderPatch = history.alone > 0 ? { [HEADER.alone]: 0 } : {}
  if (output === undefined) return { patch: history.alone > 0 ? cleared : null, leftOut: false }
  const kept = storableCopy(output, DEFAULTS.outputBytes)
  if (kept === undefined) return { patch: history.alone > 0 ? cleared : null, leftOut: true }
  return { patch: { ...cleared, [HEADER.output]: kept }, leftOut: false }
}

function bury(ending: Ending, { reason, error }: Extract<Decision, { kind: 'deadLetter' }>): Operation {
  const text = storableText(errorText(error), DEFAULTS.errorBytes)
  if (!ending.hasDeadLetterQueue)
    return { kind: 'archive', patch: { [HEADER.outcome]: 'failed', [HEADER.error]: text } }
  return { kind: 'deadLetter', verdict: { reason, error: text, retryCount: ending.history.failures } }
}
