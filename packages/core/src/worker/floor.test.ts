import { expect, it } from 'vitest'
import { Floor } from './floor.js'

const S = 1_000
const HIGHEST = '1000000000000'
const NEAR = '999995000000'

/** One that has looked at everything at 0, which took so long. */
function floorAfter(tookMs: number, full: boolean): Floor {
  const floor = new Floor()
  look(floor, 0, tookMs, full)
  return floor
}

function look(floor: Floor, nowMs: number, tookMs: number, full: boolean): string | null {
  const from = floor.at(nowMs)
  floor.looks(nowMs, from)
  floor.looked(nowMs, from, tookMs, HIGHEST, full)
  return from
}

it('begins at the very beginning', () => {
  expect(new Floor().at(0)).toBeNull()
})

it('then looks from what it found last', () => {
  expect(floorAfter(1, true).at(0.5 * S)).toBe(HIGHEST)
})

it('looks at everything once a second on a busy queue, and more often on an idle one', () => {
  expect(floorAfter(1, true).at(0.99 * S)).toBe(HIGHEST)
  expect(floorAfter(1, true).at(1 * S)).toBeNull()
  expect(floorAfter(10, false).at(0.19 * S)).toBe(HIGHEST)
  expect(floorAfter(10, false).at(0.2 * S)).toBeNull()
})

it('spends at most a tenth of the time on that where work waits', () => {
  const floor = floorAfter(800, true)
  expect(look(floor, 7.9 * S, 1, true)).not.toBeNull()
  expect(look(floor, 8 * S, 1, true)).toBeNull()
})

it('looks a while below the floor meanwhile, once a second', () => {
  const floor = floorAfter(800, true)
  expect(look(floor, 0.5 * S, 1, true)).toBe(HIGHEST)
  expect(look(floor, 1 * S, 30, true)).toBe(NEAR)
  expect(look(floor, 1.9 * S, 1, true)).toBe(HIGHEST)
  expect(look(floor, 2 * S, 30, true)).toBe(NEAR)
})

it('after a notification looks at everything where that is cheap, else a while below the floor', () => {
  const cheap = floorAfter(5, false)
  cheap.want('near')
  expect(look(cheap, 1, 5, false)).toBeNull()
  expect(cheap.at(2)).toBe(HIGHEST)
  const dear = floorAfter(800, false)
  dear.want('near')
  expect(look(dear, 1, 30, false)).toBe(NEAR)
  expect(dear.at(2)).toBe(HIGHEST)
})

it('looks at everything when that is wanted, however dear', () => {
  const floor = floorAfter(800, true)
  floor.want('all')
  floor.want('near')
  expect(floor.at(1)).toBeNull()
})

it('still wants it after a look that failed', () => {
  const floor = floorAfter(800, true)
  const from = floor.at(10 * S)
  floor.looks(10 * S, from)
  expect(from).toBeNull()
  expect(floor.at(10 * S)).toBeNull()
})

it('follows a clock that went back', () => {
  const floor = floorAfter(1, true)
  floor.want('all')
  floor.looks(1, floor.at(1))
  floor.looked(1, null, 1, '5000000', false)
  expect(floor.at(2)).toBe('5000000')
})
