import type { EnqueueOptions, JsonObject, JsonValue } from '@pgmq/core'
import fc from 'fast-check'
import { OWN_HEADERS } from '../../../core/src/headers.js'

/** What somebody may hand to `enqueue`, in a language without types. */
export interface Given {
  /** Where it has one, the job is a task's. */
  readonly task: string | undefined
  readonly body: unknown
  readonly options: Record<string, unknown>
}

/** What is to be found again. */
export interface Kept {
  readonly body: JsonValue
  readonly headers: JsonObject | null
  readonly options: EnqueueOptions
}

/** Half pairs, controls, U+0000. */
const anyText = fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 8 }).map((u) => String.fromCharCode(...u))
const goodText = fc.string({ unit: 'binary', maxLength: 12 }).map((text) => text.replaceAll('\0', '\u0001'))
const trap = fc.constantFrom(
  '',
  '\\',
  '\\u0000',
  '\\\\u0000',
  '"',
  '{}',
  'null',
  '__proto__',
  'task',
  'x-job-ended',
  '$1',
  "'",
)
const text = fc.oneof({ arbitrary: goodText, weight: 6 }, { arbitrary: trap, weight: 2 }, anyText)
const key = fc.oneof({ arbitrary: goodText, weight: 8 }, { arbitrary: trap, weight: 1 }, fc.constant('x-job-failures'))

const number = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(-0, 5e-324, 1.7976931348623157e308, 2 ** 53 + 2))
const goodLeaf = fc.oneof(goodText, trap, number, fc.boolean(), fc.constant(null))
const anyLeaf = fc.oneof(
  { arbitrary: goodLeaf, weight: 20 },
  anyText,
  fc.constantFrom<unknown>(undefined, 1n, Symbol('s'), () => 1, new Date(0), new Date(Number.NaN)),
)

function tree(leaf: fc.Arbitrary<unknown>, keys: fc.Arbitrary<string>): fc.Arbitrary<Record<string, unknown>> {
  const { object } = fc.letrec<{ value: unknown; object: Record<string, unknown> }>((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie('value'), { maxLength: 4 }), tie('object')),
    object: fc.dictionary(keys, tie('value'), { maxKeys: 5 }),
  }))
  return object
}

const goodObject = tree(goodLeaf, key)
const anyObject = tree(anyLeaf, fc.oneof(key, anyText))

const loop: Record<string, unknown> = {}
loop.self = [loop]
const noObject = fc.constantFrom<unknown>(
  ...[null, undefined, 1, 1n, 'text', true, [], [{}], [1n], Symbol('s'), () => ({}), loop, Object.create(null)],
  ...[{ toJSON: () => 'text' }, { toJSON: () => undefined }, new Date(0), new Map([[1, 2]])],
  {
    toJSON: () => {
      throw new Error('no')
    },
  },
)
const object = fc.oneof(
  { arbitrary: goodObject, weight: 8 },
  { arbitrary: anyObject, weight: 2 },
  { arbitrary: noObject, weight: 1 },
)

const seconds = fc.oneof(
  { arbitrary: fc.double({ min: 0, max: 1e6, noNaN: true }), weight: 4 },
  fc.double(),
  fc.constantFrom<unknown>(-1, -0, 3_155_760_000, 3_155_760_001, '5', null, 5n, {}, Object.create(null), Symbol('s')),
)
const time = fc.oneof(
  { arbitrary: fc.date(), weight: 4 },
  fc.constantFrom<unknown>(
    ...[new Date(Number.NaN), new Date(8.64e15), new Date(-8.64e15), new Date(0), '2026-01-01', 5, null],
    ...[Object.create(null), [], Symbol('s')],
  ),
)
const options = fc.record(
  { headers: object, delaySeconds: seconds, runAt: time, notify: fc.boolean() },
  { requiredKeys: [] },
)
const rarely = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq: 3 })

export const given: fc.Arbitrary<Given> = fc.record({
  task: rarely(text),
  body: object,
  options: fc.oneof({ arbitrary: fc.constant({}), weight: 1 }, { arbitrary: options, weight: 2 }),
})

/** What a job that must be taken is kept as; `null` for one that must be refused. */
export function keptOf({ task, body, options: { headers, delaySeconds, runAt } }: Given): Kept | null {
  if (!isObject(body) || (task !== undefined && 'task' in body)) return null
  const kept = stored(task === undefined ? body : { ...body, task })
  if (!isObject(kept)) return null
  if (headers !== undefined && !isObject(headers)) return null
  const own = headers && stored(Object.fromEntries(Object.entries(headers).filter(([name]) => !OWN_HEADERS.has(name))))
  if (headers !== undefined && !isObject(own)) return null
  if (!isDelay(delaySeconds) || !isTime(runAt) || (delaySeconds !== undefined && runAt !== undefined)) return null
  return {
    body: kept as JsonValue,
    headers: (own as JsonObject | undefined) ?? null,
    options: { ...(delaySeconds !== undefined && { delaySeconds }), ...(runAt && { runAt }) },
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isDelay = (value: unknown): value is number | undefined =>
  value === undefined || (typeof value === 'number' && value >= 0 && value <= 3_155_760_000)
const isTime = (value: unknown): value is Date | undefined =>
  value === undefined || (value instanceof Date && !Number.isNaN(value.getTime()))

/** As JSON keeps it; `undefined` for what is no JSON, or none that PostgreSQL can hold. */
function stored(value: unknown): unknown {
  try {
    const copy: unknown = JSON.parse(JSON.stringify(value))
    return isStorable(copy) ? copy : undefined
  } catch {
    return undefined
  }
}

function isStorable(value: unknown): boolean {
  if (typeof value === 'string') return Buffer.from(value).toString() === value && !value.includes('\0')
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([name, child]) => isStorable(name) && isStorable(child))
}
