import { isPgmqError, type PgmqClient } from '@pgmq/core'
import fc from 'fast-check'
import type { Figures } from '../support/figures.js'

/** Anything at all, and what is nearly right. */
export const anyName: fc.Arbitrary<unknown> = fc.oneof(
  { arbitrary: fc.string({ unit: fc.constantFrom(...'abz_09-. "\'A;é\0$'), maxLength: 50 }), weight: 5 },
  fc.string({ unit: 'binary', maxLength: 50 }),
  fc.constantFrom('x', 'q_vt_idx', 'a'.repeat(43), 'a'.repeat(44), 'é'.repeat(47), '__proto__', 'pg_class'),
  fc.anything(),
)
export const anyId: fc.Arbitrary<unknown> = fc.oneof(
  fc.bigInt({ min: -1n, max: 2n ** 64n }).map(String),
  fc.string({ unit: fc.constantFrom(...'0123456789-+. e{},"'), maxLength: 22 }),
  fc.constantFrom<unknown>('0', '01', '-1', '9223372036854775807', '9223372036854775808', 1, 1n, '1', ' 1', '１'),
  fc.anything(),
)
export const anyReceipt: fc.Arbitrary<unknown> = fc.oneof(
  fc.tuple(fc.nat(), fc.maxSafeInteger()).map(([count, stamp]) => `${count}-${stamp}`),
  fc.constantFrom('1-1', '2147483648-1', '1-999999999999999999', '9999999999-1', '1--1', '', '-'),
  anyId,
)
export const anyNumber: fc.Arbitrary<unknown> = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constantFrom<unknown>(0, -0, 0.5, 1, 1e300, 2 ** 31, 2 ** 53, Number.POSITIVE_INFINITY, '1', null, 1n),
  fc.anything(),
)

/** One call, which changes nothing that is there: it may answer, or refuse with an error of ours. */
export async function attempt(figures: Figures, call: () => unknown): Promise<unknown> {
  try {
    const answer = await call()
    figures.count('answered')
    return answer
  } catch (error) {
    if (!isPgmqError(error)) throw error
    figures.count(error.code)
    return undefined
  }
}

/** Calls that name a queue. */
export const CALLS: readonly ((client: PgmqClient, queue: never, id: never) => unknown)[] = [
  (client, queue) => client.queues.create(queue),
  (client, queue) => client.enqueue(queue, {}),
  (client, queue) => client.dequeue(queue),
  (client, queue) => client.queues.peek(queue),
  (client, queue) => client.queues.archived(queue),
  (client, queue) => client.queues.metrics(queue),
  (client, queue) => client.queues.purge(queue),
  (client, queue) => client.queues.drop(queue),
  (client, queue) => client.queues.tune(queue),
  (client, queue) => client.deadLetters.list(queue),
  (client, queue, id) => client.archive({ queue, id }),
  (client, queue, id) => client.delete({ queue, id }),
  (client, queue, id) => client.setVisibility({ queue, id }, 0),
]
