import { expect, it } from 'vitest'
import { DEFAULT_RETRY, resolveRetry } from './policy.js'

it('fills in the defaults', () => {
  expect(resolveRetry()).toEqual(DEFAULT_RETRY)
  expect(resolveRetry({ backoff: { baseSeconds: 5 } }).backoff).toEqual({
    baseSeconds: 5,
    factor: 2,
    maxSeconds: 600,
    jitter: 'full',
    firstAtOnce: true,
  })
})

it('takes each field from the most particular policy that sets it', () => {
  const task = { maxRetries: 7 }
  const queue = { maxRetries: 1, backoff: { baseSeconds: 9 } }
  expect(resolveRetry(task, undefined, queue)).toMatchObject({ maxRetries: 7, backoff: { baseSeconds: 9 } })
})
