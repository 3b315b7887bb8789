import { expect, it } from 'vitest'
import type { Message } from '../message.js'
import type { SchemaResult, StandardSchema } from '../schema.js'
import { defineTask } from '../task.js'
import { parseInput } from './input.js'

const message: Message = {
  queue: 'q',
  id: '1',
  receipt: '1-1',
  body: { task: 'ping', n: 1 },
  headers: {},
  readCount: 1,
  enqueuedAt: new Date(0),
  dueAt: new Date(0),
}

const answering = (result: SchemaResult<object>): StandardSchema<object> => ({
  '~standard': {
    version: 1,
    vendor: 'own',
    // biome-ignore lint/suspicious/noThenProperty: a promise of another make
    validate: () => ({ then: (resolve: (given: typeof result) => void) => resolve(result) }) as Promise<typeof result>,
  },
})

it.each([
  ['lets an input pass', { value: { n: 2 } }, { input: { n: 2 } }],
  ['refuses one', { issues: [{ message: 'no' }] }, { outcome: { kind: 'invalid' } }],
])('%s by a promise of another make', async (_what, result, expected) => {
  const task = defineTask({ name: 'ping', queue: 'q', input: answering(result as SchemaResult<object>) })
  expect(await parseInput(task, message)).toMatchObject(expected)
})
