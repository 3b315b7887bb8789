const SQL_STATE = /^[0-9A-Z]{5}$/

/** What `pg`, Kysely and Knex say before anything is sent. */
const NOT_SENT = /is not queryable$|^Transaction is already |^Transaction query already complete/

/** What the port asks for where there is no SQLSTATE. No `code`, lest one of Node's or Prisma's pass for it. */
export function connectionError(message: string, sent: boolean, cause?: unknown): Error {
  return Object.assign(new Error(message, { cause }), { sent })
}

export function serverError(message: string, code: string, cause: unknown): Error {
  return Object.assign(new Error(message, { cause }), { code })
}

export function isSqlState(code: unknown): code is string {
  return typeof code === 'string' && SQL_STATE.test(code)
}

/**
 * What a statement ended with that was handed to a builder. Drizzle wraps the driver's error, together with every
 * parameter; Knex puts the statement in front of its message, which `tidy` removes.
 */
export function statementError(error: unknown, tidy: (message: string) => string = (message) => message): Error {
  let innermost = error
  for (let depth = 0; depth < 5 && !isServerError(innermost); depth++) {
    if (isObject(innermost) && typeof innermost.sent === 'boolean') return innermost as unknown as Error
    const cause: unknown = isObject(innermost) ? innermost.cause : undefined
    if (cause === undefined) break
    innermost = cause
  }
  const text = textOf(innermost)
  const told = tidy(text)
  if (!isServerError(innermost)) return connectionError(told, !NOT_SENT.test(told), error)
  return told === text ? innermost : serverError(told, innermost.code, innermost)
}

/** By its severity, which `pg` and `postgres` both keep, since codes of Node's can look like a SQLSTATE: EPIPE. */
function isServerError(error: unknown): error is Error & { readonly code: string } {
  return isObject(error) && typeof error.severity === 'string' && isSqlState(error.code)
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

/** A refused connection to a name with two addresses is an AggregateError without a message of its own. */
export function textOf(error: unknown): string {
  const { message, errors } = (error ?? {}) as Partial<AggregateError>
  return message || String(errors?.[0] ?? error)
}
