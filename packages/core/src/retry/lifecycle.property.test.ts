import fc from 'fast-check'
import { describe, it } from 'vitest'
import { HEADER } from '../headers.js'
import type { JsonObject } from '../json.js'
import { beginAlone, countersAfter, endUnrun, type HeaderPatch, joined } from './counters.js'
import { type DeadLetterReason, type DecisionPolicy, decide } from './decide.js'
import { type History, readHistory } from './history.js'
import type { Outcome } from './outcome.js'
import { DEFAULT_RETRY } from './policy.js'
import { suspicionOf } from './suspicion.js'

const policy: DecisionPolicy = { ...DEFAULT_RETRY, unknownTaskSeconds: 900 }
const CRASH_LIMIT = 3

/** What happens to one message, from the database's point of view: read counts go up, headers are patched, ends are final. */
type Step =
  | 'run' // leased, its handler ran to its end
  | 'die' // leased, its process died under it
  | 'outage' // leased, its lease ran out before its end was written
  | 'foreignRead' // another consumer's read, never finished
  | 'release' // leased, given back unstarted
  | 'cutOff' // leased, its handler cut off by a stop
  | 'unknown' // leased by a worker that does not know the task
  | 'joined' // leased alone, then others joined, then the process died

class Message {
  readCount = 0
  headers: JsonObject = {}
  place: 'queue' | 'archive' | 'dlq' = 'queue'
  reason: DeadLetterReason | null = null
  runs = 0
  failures = 0
  deathsInARow = 0

  constructor(readonly handler: 'good' | 'failing' | 'hanging' | 'killing') {}

  get history(): History {
    return readHistory(this.readCount, this.headers)
  }
  patch(patch: HeaderPatch): void {
    this.headers = { ...this.headers, ...patch }
  }

  apply(step: Step): void {
    if (this.place !== 'queue') return
    this.readCount++
    if (step === 'foreignRead') return
    const suspicion = suspicionOf(this.history, CRASH_LIMIT)
    if (suspicion === 'convicted') return this.#bury('crash_loop')
    if (step === 'release') return this.patch(endUnrun(this.history, this.readCount))
    if (step === 'unknown') return this.#end({ kind: 'unknownTask', error: null })
    this.#attempt(step, suspicion === 'suspect')
  }

  #attempt(step: Step, alone: boolean): void {
    this.runs++
    if (alone) {
      const { history, readCount } = this
      this.readCount++
      this.patch(beginAlone(history, readCount))
    }
    if (this.handler === 'killing') return
    if (alone && step === 'joined') return this.patch(joined(this.history.alone))
    // Assumed: a process that runs one message alone is not lost three times in a row to something else.
    const dies = step === 'die' || step === 'outage' || step === 'joined'
    if (dies && !(alone && this.deathsInARow >= CRASH_LIMIT - 1)) {
      if (alone) this.deathsInARow++
      return
    }
    this.deathsInARow = 0
    if (step === 'cutOff') return this.#end({ kind: 'released' })
    if (this.handler === 'good') return this.#end({ kind: 'succeeded', output: undefined })
    this.failures++
    this.#end(
      this.handler === 'hanging'
        ? { kind: 'timedOut', error: null }
        : { kind: 'failed', error: null, permanent: false, due: null },
    )
  }

  #end(outcome: Outcome): void {
    const { history } = this
    const decision = decide(history, outcome, policy, () => 0.5)
    if (decision.kind === 'archive') this.place = 'archive'
    else if (decision.kind === 'deadLetter') this.#bury(decision.reason)
    else this.patch(countersAfter(outcome.kind, history, this.readCount))
  }

  #bury(reason: DeadLetterReason): void {
    this.place = 'dlq'
    this.reason = reason
  }
}

const step = fc.constantFrom<Step>('run', 'die', 'outage', 'foreignRead', 'release', 'cutOff', 'joined')
const steps = fc.array(step, { maxLength: 60 })

function live(handler: Message['handler'], ...happened: Step[]): Message {
  const message = new Message(handler)
  for (const one of happened) message.apply(one)
  return message
}

describe('a message, whatever happens around it', () => {
  it('is never dead-lettered while its handler neither fails, hangs nor kills its process', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(step, fc.constant<Step>('unknown')), { maxLength: 60 }), (happened) => {
        // Assumed: a worker that knows the task takes it in time.
        const known = happened.filter(
          (one, i) => one !== 'unknown' || happened.slice(0, i).filter((o) => o === 'unknown').length < 20,
        )
        return live('good', ...known).place !== 'dlq'
      }),
      { numRuns: 2000 },
    )
  })

  it('is archived by the first delivery that runs to its end', () => {
    fc.assert(fc.property(steps, (happened) => live('good', ...happened, 'run').place === 'archive'))
  })

  it('fails no more often than the policy allows, and then is dead-lettered for that', () => {
    fc.assert(
      fc.property(steps, fc.constantFrom('failing' as const, 'hanging' as const), (happened, handler) => {
        const message = live(handler, ...happened, 'run', 'run', 'run', 'run')
        const reason = handler === 'failing' ? 'retries_exhausted' : 'timed_out'
        return message.failures === policy.maxRetries + 1 && message.place === 'dlq' && message.reason === reason
      }),
      { numRuns: 2000 },
    )
  })

  it('is convicted of killing its process after two deaths in company and three alone, and not before', () => {
    const five = Array.from({ length: 5 }, (): Step => 'run')
    const killer = live('killing', ...five)
    if (killer.place !== 'queue' || killer.runs !== 5) throw new Error('convicted too early')
    killer.apply('run')
    if (killer.reason !== 'crash_loop' || killer.runs !== 5) throw new Error('not convicted')
  })

  it('kills its process a bounded number of times, however it is read, released and handed about', () => {
    fc.assert(
      fc.property(steps, (happened) => {
        const message = live('killing', ...happened, ...Array.from({ length: 8 }, (): Step => 'run'))
        return message.reason === 'crash_loop' && message.runs <= 5
      }),
    )
  })

  it('carries only counters that a reader accepts', () => {
    fc.assert(
      fc.property(
        steps,
        fc.constantFrom('good' as const, 'failing' as const, 'killing' as const),
        (happened, handler) => {
          const { headers, history } = live(handler, ...happened)
          return (headers[HEADER.ended] ?? 0) === history.ended && (headers[HEADER.failures] ?? 0) === history.failures
        },
      ),
    )
  })
})
