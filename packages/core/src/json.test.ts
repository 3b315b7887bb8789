import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeJson, storableCopy, storableText, utf8Length } from './json.js'

const refusal = (value: unknown): unknown => {
  try {
    return encodeJson(value, 'body')
  } catch (error) {
    return (error as { details: { path: string } }).details.path
  }
}

describe('encodeJson', () => {
  it.each<[string, unknown, string]>([
    ['U+0000', { a: ['x', 'a\u0000'] }, 'body.a[1]'],
    ['half a surrogate pair', { a: { b: '\ud800' } }, 'body.a.b'],
    ['half a pair in a key', { '\udc00': 1 }, 'body.\udc00'],
    ['a bigint', { n: 1n }, 'body.n'],
    ['nothing', undefined, 'body'],
  ])('names the place of %s', (_what, value, path) => {
    expect(refusal(value)).toBe(path)
  })

  it('names the place of a cycle', () => {
    const body: Record<string, unknown> = {}
    body.self = { body }
    expect(refusal(body)).toBe('body.self.body')
  })

  it('lets pass a text that only looks like an escape', () => {
    const body = { text: '\\u0000 \\ud800 \\\\u0000', emoji: '😀' }
    expect(JSON.parse(encodeJson(body, 'body'))).toEqual(body)
  })

  it('gives back any JSON of well-formed text as it is', () => {
    const values = fc.jsonValue({ stringUnit: fc.constantFrom('a', '\\', '\\u0000', '"', '😀', 'é', '\n') })
    fc.assert(fc.property(values, (value) => encodeJson(value, 'body') === JSON.stringify(value)))
  })
})

describe('storableText', () => {
  it('never exceeds its bytes, nor splits a code point', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 0, max: 40 }), (text, maxBytes) => {
        const stored = storableText(text, maxBytes)
        return utf8Length(stored) <= maxBytes && storableCopy(stored, 1_000) === stored
      }),
    )
  })
})

it('counts bytes as UTF-8 does', () => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => utf8Length(text) === Buffer.byteLength(text)))
})
