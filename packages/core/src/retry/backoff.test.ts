import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backoffSeconds, boundedSeconds } from './backoff.js'
import { DEFAULT_RETRY, resolveRetry } from './policy.js'

const half = (): number => 0.5

describe('backoffSeconds', () => {
  it('retries at once, then doubles up to ten minutes', () => {
    const delays = [1, 2, 3, 4, 11, 12, 13, 5000].map((retry) => backoffSeconds(retry, DEFAULT_RETRY, () => 1))
    expect(delays).toEqual([0, 1, 2, 4, 512, 600, 600, 600])
  })

  it('spreads delays over the whole interval by default', () => {
    expect(backoffSeconds(4, DEFAULT_RETRY, half)).toBe(2)
  })

  it('keeps to the bound without jitter', () => {
    const policy = resolveRetry({
      backoff: { baseSeconds: 3, jitter: 'none', firstAtOnce: false, factor: 10, maxSeconds: 50 },
    })
    expect([1, 2, 3].map((retry) => backoffSeconds(retry, policy, half))).toEqual([3, 30, 50])
  })

  it('asks the function of the policy with the number of the retry', () => {
    const policy = resolveRetry({ backoff: (retry) => retry * 10 })
    expect([1, 2].map((retry) => backoffSeconds(retry, policy, half))).toEqual([10, 20])
  })

  it.each([Number.NaN, 'soon' as unknown as number])('falls back where the function returns %s', (value) => {
    expect(backoffSeconds(3, resolveRetry({ backoff: () => value }), half)).toBe(1)
  })

  it("falls back where the function throws: its error is not the job's", () => {
    const backoff = (): number => {
      throw new Error('no')
    }
    expect(backoffSeconds(3, resolveRetry({ backoff }), half)).toBe(1)
  })

  it('takes an option that is undefined for one that is not there, and no delay for longer than a year', () => {
    const backoff = {
      baseSeconds: 1e13,
      maxSeconds: 1e14,
      factor: undefined as never,
      jitter: 'none',
      firstAtOnce: false,
    } as const
    expect(backoffSeconds(1, resolveRetry({ backoff }), half)).toBe(31_536_000)
    const { maxSeconds } = resolveRetry({ backoff: { baseSeconds: 1, maxSeconds: undefined as never } }).backoff as {
      maxSeconds: number
    }
    expect(maxSeconds).toBe(600)
  })

  it('stays within 0 and the cap, whatever the policy', () => {
    const policies = fc.record({
      baseSeconds: fc.double({ min: 0.001, max: 1e6, noNaN: true }),
      factor: fc.double({ min: 0.1, max: 100, noNaN: true }),
      maxSeconds: fc.double({ min: 0.001, max: 1e6, noNaN: true }),
      jitter: fc.constantFrom('full' as const, 'none' as const),
      firstAtOnce: fc.boolean(),
    })
    fc.assert(
      fc.property(
        policies,
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (backoff, retry, random) => {
          const seconds = backoffSeconds(retry, resolveRetry({ backoff }), () => random)
          return seconds >= 0 && seconds <= backoff.maxSeconds
        },
      ),
    )
  })
})

describe('boundedSeconds', () => {
  it('keeps a delay within a year', () => {
    expect([-1, 5, Number.POSITIVE_INFINITY].map(boundedSeconds)).toEqual([0, 5, 31_536_000])
  })

  it.each([null, undefined, '5', Number.NaN])('says that %s is no number', (value) => {
    expect(boundedSeconds(value)).toBeNull()
  })
})
