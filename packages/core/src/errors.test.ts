import { describe, expect, it } from 'vitest'
import { errorText } from './errors.js'

const revoked = (): unknown => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}
const cycle: Record<string, unknown> = Object.create(null)
cycle.self = cycle

describe('the text of what was thrown', () => {
  it.each([
    ['an error', new Error('no'), 'no'],
    ['an error without a message', new TypeError(), 'TypeError'],
    ['a text', 'no', 'no'],
    ['an object', { code: 1 }, '{"code":1}'],
    ['null', null, 'null'],
    ['nothing', undefined, 'undefined'],
    ['a symbol', Symbol('no'), 'Symbol(no)'],
    ['a bigint', 1n, 'something that cannot be put into words was thrown (bigint)'],
    ['an error whose message is an object', Object.assign(new Error(), { message: { a: 1 } }), '{"a":1}'],
    ['a proxy that was revoked', revoked(), 'something that cannot be put into words was thrown (object)'],
    ['a cycle without a prototype', cycle, 'something that cannot be put into words was thrown (object)'],
  ])('%s', (_what, thrown, text) => {
    expect(errorText(thrown)).toBe(text)
  })
})
