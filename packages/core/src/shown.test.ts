import { expect, it } from 'vitest'
import { shown, shownPlainly } from './shown.js'

const loop: Record<string, unknown> = {}
loop.self = loop

it.each([
  ['a', '"a"', 'a'],
  [Number.NaN, 'null', 'NaN'],
  [1n, '1n', '1'],
  [[1n], '1', '1'],
  [undefined, 'undefined', 'undefined'],
  [Symbol('s'), 'Symbol(s)', 'Symbol(s)'],
  [loop, '[object Object]', '[object Object]'],
  [Object.create(null), '{}', 'of type object'],
])('puts whatever it is into words: %o', (given, asJson, plainly) => {
  expect([shown(given), shownPlainly(given)]).toEqual([asJson, plainly])
})
