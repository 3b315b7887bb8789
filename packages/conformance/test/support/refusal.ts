import type { PgmqErrorCode, PgmqErrorOf } from '@pgmq/core'
import { isPgmqError } from '@pgmq/node-pg'
import { expect } from 'vitest'

/** The error that a call is refused with, which must be ours and of this code. */
export async function refusal<Code extends PgmqErrorCode>(call: unknown, code: Code): Promise<PgmqErrorOf<Code>> {
  const error = await rejection(call)
  if (!isPgmqError(error, code)) expect.fail(`expected ${code}, got ${String((error as Error).stack)}`)
  return error as unknown as PgmqErrorOf<Code>
}

/** What a promise rejects with. */
export async function rejection(call: unknown): Promise<unknown> {
  return await Promise.resolve(call).then(
    (value) => expect.fail(`expected a refusal, got ${JSON.stringify(value)}`),
    (error: unknown) => error,
  )
}
