import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HEADER } from '../headers.js'
import { readHistory, unrecordedHistory } from './history.js'

describe('readHistory', () => {
  it('finds nothing in a first delivery', () => {
    expect(readHistory(1, {})).toEqual({ failures: 0, crashes: 0, alone: 0, unknowns: 0, ended: 0 })
  })

  it('counts the deliveries since the last end on record as crashes', () => {
    expect(readHistory(5, { [HEADER.ended]: 2 }).crashes).toBe(2)
    expect(readHistory(3, { [HEADER.ended]: 2 }).crashes).toBe(0)
    expect(readHistory(11, {}).crashes).toBe(10)
  })

  it.each([-1, 1.5, '2', null, {}, [1], Number.MAX_SAFE_INTEGER, true])('takes a counter of %j for none', (value) => {
    const headers = { [HEADER.failures]: value, [HEADER.ended]: value, [HEADER.alone]: value, [HEADER.unknown]: value }
    expect(readHistory(4, headers)).toEqual({ failures: 0, crashes: 3, alone: 0, unknowns: 0, ended: 0 })
  })

  it('takes a record of more deliveries alone than there were crashes for none', () => {
    expect(readHistory(4, { [HEADER.alone]: 4 }).alone).toBe(0)
    expect(readHistory(4, { [HEADER.alone]: 3 }).alone).toBe(3)
  })

  it('gives whole numbers from 0 for any headers', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.dictionary(fc.constantFrom(...Object.values(HEADER)), fc.jsonValue()),
        (readCount, headers) => {
          const history = readHistory(readCount + 1, headers)
          return Object.values(history).every(
            (count) => Number.isInteger(count) && count >= 0 && count <= readCount + 1,
          )
        },
      ),
    )
  })
})

describe('the history of a message without headers', () => {
  it.each([
    [1, { failures: 0, crashes: 0 }],
    [3, { failures: 1, crashes: 0 }],
    [7, { failures: 3, crashes: 0 }],
    [9, { failures: 4, crashes: 2 }],
  ])('after %i reads by a policy of three retries is %j', (readCount, expected) => {
    expect(unrecordedHistory(readCount, 3)).toMatchObject({ ...expected, alone: 0 })
  })

  it('convicts what keeps dying, sooner or later, and no job before it had many more deliveries than its retries', () => {
    const convictedAt = [...Array(200).keys()].findIndex((n) => unrecordedHistory(n + 1, 3).alone >= 3)
    expect(convictedAt).toBe(66)
  })
})
