import { expect, it } from 'vitest'
import { slugOf } from './slugs.js'

it.each([
  ['INPUT_INVALID', 'input_invalid'],
  ['Crashes, suspects and the one that kills', 'crashes-suspects-and-the-one-that-kills'],
  ["pgmq's SQL, typed", 'pgmqs-sql-typed'],
  ['1. Receipts fence every acknowledge', '1-receipts-fence-every-acknowledge'],
])('the id of "%s" is %s', (heading, id) => {
  expect(slugOf(heading)).toBe(id)
})
