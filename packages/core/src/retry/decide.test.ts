import { describe, expect, it } from 'vitest'
import { type Decision, type DecisionPolicy, decide } from './decide.js'
import type { History } from './history.js'
import type { Outcome } from './outcome.js'
import { DEFAULT_RETRY } from './policy.js'

const policy: DecisionPolicy = { ...DEFAULT_RETRY, unknownTaskSeconds: 900 }
const error = new Error('refused')
const at = new Date(0)
const failed: Outcome = { kind: 'failed', error, permanent: false, due: null }
const timedOut: Outcome = { kind: 'timedOut', error }
const unknownTask: Outcome = { kind: 'unknownTask', error }

const history = (counts: Partial<History> = {}): History => ({
  failures: 0,
  crashes: 0,
  alone: 0,
  unknowns: 0,
  ended: 0,
  ...counts,
})
const decided = (counts: Partial<History>, outcome: Outcome): Decision =>
  decide(history(counts), outcome, policy, () => 0.5)

describe('decide', () => {
  it.each<[string, Partial<History>, Outcome, Decision]>([
    ['archives a success', {}, { kind: 'succeeded', output: 7 }, { kind: 'archive', output: 7 }],
    ['snoozes without counting', { failures: 3 }, { kind: 'snoozed', due: { at } }, { kind: 'snooze', due: { at } }],
    ['gives back what was released', { failures: 3 }, { kind: 'released' }, { kind: 'release' }],
    ['retries a first failure at once', {}, failed, { kind: 'retry', due: { seconds: 0 } }],
    ['retries a second failure after a while', { failures: 1 }, failed, { kind: 'retry', due: { seconds: 0.5 } }],
    [
      'retries when the handler says',
      { failures: 2 },
      { ...failed, due: { seconds: 30 } },
      { kind: 'retry', due: { seconds: 30 } },
    ],
    [
      'gives up after the last retry',
      { failures: 3 },
      failed,
      { kind: 'deadLetter', reason: 'retries_exhausted', error },
    ],
    [
      'gives up even where the handler asks for more',
      { failures: 3 },
      { ...failed, due: { seconds: 30 } },
      { kind: 'deadLetter', reason: 'retries_exhausted', error },
    ],
    [
      'gives up at once on a permanent failure',
      {},
      { ...failed, permanent: true },
      { kind: 'deadLetter', reason: 'permanent', error },
    ],
    ['retries after a time-out', { failures: 1 }, timedOut, { kind: 'retry', due: { seconds: 0.5 } }],
    [
      'gives up when the last attempt timed out',
      { failures: 3 },
      timedOut,
      { kind: 'deadLetter', reason: 'timed_out', error },
    ],
    [
      'gives up on a body that fits no schema',
      {},
      { kind: 'invalid', error },
      { kind: 'deadLetter', reason: 'invalid_input', error },
    ],
    ['waits for a worker that knows the task', {}, unknownTask, { kind: 'snooze', due: { seconds: 1 } }],
    ['waits longer each time', { unknowns: 5 }, unknownTask, { kind: 'snooze', due: { seconds: 32 } }],
    ['waits a minute at the most', { unknowns: 6 }, unknownTask, { kind: 'snooze', due: { seconds: 60 } }],
    ['waits for all of the time allowed', { unknowns: 19 }, unknownTask, { kind: 'snooze', due: { seconds: 60 } }],
    [
      'gives up when no worker knew the task for so long',
      { unknowns: 20 },
      unknownTask,
      { kind: 'deadLetter', reason: 'unknown_task', error },
    ],
    ['does not count crashes as failures', { crashes: 9, failures: 0 }, failed, { kind: 'retry', due: { seconds: 0 } }],
  ])('%s', (_name, counts, outcome, decision) => {
    expect(decided(counts, outcome)).toEqual(decision)
  })

  it('gives up on the first failure where no retry is allowed', () => {
    expect(decide(history(), failed, { ...policy, maxRetries: 0 }, () => 0.5)).toMatchObject({
      kind: 'deadLetter',
      reason: 'retries_exhausted',
    })
  })

  it('refuses an outcome that it does not know', () => {
    expect(() => decided({}, { kind: 'vanished' } as never)).toThrow('no decision for {"kind":"vanished"}')
  })
})
