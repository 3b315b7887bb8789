import { HEADER } from '../headers.js'
import type { JsonValue } from '../json.js'
import type { History } from './history.js'
import type { OutcomeKind } from './outcome.js'

/** Headers to lay over those of a message. */
export type HeaderPatch = Readonly<Record<string, JsonValue>>

/** What to note on a message that stays in its queue when a delivery ends in this way. */
export function countersAfter(outcome: OutcomeKind, history: History, readCount: number): HeaderPatch {
  switch (outcome) {
    case 'failed':
    case 'timedOut':
      return { ...endOfRun(history, readCount), [HEADER.failures]: history.failures + 1 }
    case 'unknownTask':
      return { ...endUnrun(history, readCount), [HEADER.unknown]: history.unknowns + 1 }
    default:
      return endOfRun(history, readCount)
  }
}

/** The handler ran and its end is known: nothing before it counts as a crash any longer. */
export function endOfRun(history: History, readCount: number): HeaderPatch {
  return { [HEADER.ended]: readCount, ...(history.alone > 0 && { [HEADER.alone]: 0 }) }
}

/** The delivery ended before the handler ran, so it proves nothing: one crash is neither added nor forgiven. */
export function endUnrun(history: History, readCount: number): HeaderPatch {
  return { [HEADER.ended]: Math.min(history.ended + 1, readCount) }
}

/** The delivery goes on as a new one that begins alone. */
export function beginAlone(history: History, readCount: number): HeaderPatch {
  return { ...endUnrun(history, readCount), [HEADER.alone]: history.alone + 1 }
}

/** Others are about to join a delivery that began alone: its death would prove nothing any more. */
export function joined(aloneOnRecord: number): HeaderPatch {
  return { [HEADER.alone]: Math.max(0, aloneOnRecord - 1) }
}
