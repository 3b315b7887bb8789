import type { SqlExecutor } from '@pgmq/core'

/** What `postgres` makes of an error that the server sent. */
interface ServerError extends Error {
  /** The SQLSTATE. */
  readonly code: string
}

/** By its name, since other errors have a `code` too, and there may be two copies of `postgres`. */
function isServerError(error: unknown): error is ServerError {
  return (error as Partial<ServerError> | null)?.name === 'PostgresError'
}

/** What the port asks for where there is no SQLSTATE. No `code`, lest one of Node's pass for it. */
export function connectionError(message: string, sent: boolean, cause?: unknown): Error {
  return Object.assign(new Error(message, { cause }), { sent })
}

/** The server's own refusal of a connection (28P01, 53300, 57P03 …) keeps its SQLSTATE. */
export function statementError(error: unknown, sent: boolean): Error {
  if (isServerError(error)) return sent ? error : Object.assign(error, { sent })
  const { sent: known } = error as { readonly sent?: boolean }
  return known === undefined ? connectionError(textOf(error), sent, error) : (error as Error)
}

/**
 * The connection is of no further use: it broke, is about to end, or leads to a server that is no primary any more. By
 * code, since the severity is in the server's language.
 */
export function spoilsConnection(error: unknown, scope: SqlExecutor['scope']): boolean {
  if (!isServerError(error)) return true
  // A transaction of the caller's may be read-only by his own wish.
  return scope === 'pool' && /^(08|57P|25006|25P0[34])/.test(error.code)
}

/** A refused connection to a name with two addresses is an AggregateError without a message of its own. */
function textOf(error: unknown): string {
  const { message, errors } = error as Partial<AggregateError>
  return message || String(errors?.[0] ?? error)
}
