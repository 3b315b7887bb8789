import { expect, it } from 'vitest'
import { suspicionOf } from './suspicion.js'

it.each([
  [{ crashes: 0, alone: 0 }, 'run'],
  [{ crashes: 1, alone: 0 }, 'run'],
  [{ crashes: 2, alone: 0 }, 'suspect'],
  [{ crashes: 100, alone: 0 }, 'suspect'],
  [{ crashes: 1, alone: 1 }, 'suspect'],
  [{ crashes: 4, alone: 2 }, 'suspect'],
  [{ crashes: 5, alone: 3 }, 'convicted'],
  [{ crashes: 9, alone: 7 }, 'convicted'],
] as const)('%j: %s', (history, suspicion) => {
  expect(suspicionOf(history, 3)).toBe(suspicion)
})
