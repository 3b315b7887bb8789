import { describe, expect, it } from 'vitest'
import { HEADER } from '../headers.js'
import { beginAlone, countersAfter, endOfRun, endUnrun, joined } from './counters.js'

const history = { failures: 1, crashes: 2, alone: 0, unknowns: 4, ended: 3 }
const suspect = { ...history, alone: 1 }

describe('countersAfter', () => {
  it('counts a failure', () => {
    for (const outcome of ['failed', 'timedOut'] as const) {
      expect(countersAfter(outcome, history, 6)).toEqual({ [HEADER.ended]: 6, [HEADER.failures]: 2 })
    }
  })

  it('counts a delivery to a worker that does not know the task, and forgives no crash by it', () => {
    expect(countersAfter('unknownTask', history, 6)).toEqual({ [HEADER.ended]: 4, [HEADER.unknown]: 5 })
  })

  it('records the end of a handler that gave its message back', () => {
    expect(countersAfter('snoozed', suspect, 6)).toEqual({ [HEADER.ended]: 6, [HEADER.alone]: 0 })
    expect(countersAfter('released', history, 6)).toEqual({ [HEADER.ended]: 6 })
  })
})

it('clears the record of deliveries alone when a handler ended', () => {
  expect(endOfRun(suspect, 6)).toEqual({ [HEADER.ended]: 6, [HEADER.alone]: 0 })
})

it('moves the last end by one where no handler ran, never beyond the read count', () => {
  expect(endUnrun(history, 6)).toEqual({ [HEADER.ended]: 4 })
  expect(endUnrun({ ...history, ended: 6 }, 6)).toEqual({ [HEADER.ended]: 6 })
})

it('records that a delivery begins alone, and takes it back', () => {
  expect(beginAlone(suspect, 6)).toEqual({ [HEADER.ended]: 4, [HEADER.alone]: 2 })
  expect(joined(2)).toEqual({ [HEADER.alone]: 1 })
  expect(joined(0)).toEqual({ [HEADER.alone]: 0 })
})
