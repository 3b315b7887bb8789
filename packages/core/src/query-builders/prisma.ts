import type { SqlExecutor } from '../driver.js'
import { connectionError, isObject, isSqlState, serverError, statementError, textOf } from './errors.js'
import { createExecutor } from './executor.js'

/** The client of an interactive transaction, by shape. */
interface PrismaTransaction {
  /** A `PrismaClient` has it, the client of a transaction has not. */
  readonly $connect?: never
  $queryRawUnsafe(query: string, ...values: unknown[]): PromiseLike<unknown>
}

/**
 * An executor on an interactive transaction of Prisma.
 *
 * @throws a TypeError for a `PrismaClient`
 * @example
 * await prisma.$transaction(async (tx) => {
 *   await tx.user.create({ data: user })
 *   await client.with(fromPrisma(tx)).enqueue(sendWelcomeEmail, { email: user.email })
 * })
 */
export function fromPrisma(tx: PrismaTransaction): SqlExecutor {
  const { $queryRawUnsafe, $connect } = (tx ?? {}) as {
    readonly $queryRawUnsafe?: unknown
    readonly $connect?: unknown
  }
  if (typeof $queryRawUnsafe !== 'function' || $connect !== undefined)
    throw new TypeError(
      'fromPrisma takes the tx of prisma.$transaction(async (tx) => …): on anything else each statement may run on another connection',
    )
  return createExecutor(async (text, params) => await tx.$queryRawUnsafe(text, ...params), errorOf)
}

/** Prisma's own code (P2010, P2028) looks like a SQLSTATE; the server's lies deeper. */
function errorOf(error: unknown): Error {
  const { code, meta } = inside(error)
  const { originalCode = inside(meta).code, originalMessage = inside(meta).message } = inside(
    inside(inside(meta).driverAdapterError).cause,
  )
  // What comes before the last line shows where the call stands in the source.
  const text = textOf(error).trim().split('\n').at(-1) ?? ''
  if (isSqlState(originalCode))
    return serverError(typeof originalMessage === 'string' ? originalMessage : text, originalCode, error)
  // The transaction has ended, or its time was over before this statement.
  if (code === 'P2028') return connectionError(text, false, error)
  return typeof code === 'string' ? connectionError(text, true, error) : statementError(error)
}

const inside = (value: unknown): Readonly<Record<string, unknown>> => (isObject(value) ? value : {})
