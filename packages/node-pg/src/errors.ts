/** What `pg` makes of an error that the server sent. */
interface ServerError extends Error {
  /** The SQLSTATE. */
  readonly code: string
  readonly severity: string
}

/** By its severity, since codes of Node's can look like a SQLSTATE: EPIPE. */
function isServerError(error: unknown): error is ServerError {
  return typeof (error as Partial<ServerError> | null)?.severity === 'string'
}

/** What the port asks for where there is no SQLSTATE. No `code`, lest one of Node's pass for it. */
export function connectionError(message: string, sent: boolean, cause?: unknown): Error {
  return Object.assign(new Error(message, { cause }), { sent })
}

/** No connection was had, so nothing was sent. The server's own refusal (28P01, 53300, 57P03 …) keeps its SQLSTATE. */
export function notSent(error: unknown): Error {
  return isServerError(error) ? Object.assign(error, { sent: false }) : connectionError(textOf(error), false, error)
}

/** What a statement ended with that was handed to a connection. */
export function statementError(error: unknown): Error {
  if (isServerError(error)) return error
  const text = textOf(error)
  // So `pg` itself refuses where it found the connection broken, or ended, before.
  return connectionError(text, !text.endsWith('is not queryable'), error)
}

/**
 * The connection is of no further use: it broke, is about to end, or leads to a server that is no primary any more. By
 * code, since the severity is in the server's language.
 */
export function spoilsConnection(error: unknown): boolean {
  return !isServerError(error) || /^(08|57P|25006|25P0[34])/.test(error.code)
}

/** A refused connection to a name with two addresses is an AggregateError without a message of its own. */
function textOf(error: unknown): string {
  const { message, errors } = error as Partial<AggregateError>
  return message || String(errors?.[0] ?? error)
}
