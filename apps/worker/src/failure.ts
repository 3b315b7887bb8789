/** Something that the person at the keyboard can mend. Its message says what failed and what to do; no stack is shown. */
export class Failure extends Error {
  override readonly name: string = 'Failure'
}

/** One line for people. What is no `Failure` is a surprise, so it says how to learn more. */
export function messageOf(error: unknown, debug: boolean): string {
  if (debug && error instanceof Error) return error.stack ?? error.message
  if (error instanceof Failure) return error.message
  return `${textOf(error)} (DEBUG=1 shows where)`
}

export function textOf(error: unknown): string {
  if (error instanceof AggregateError && !error.message) return textOf(error.errors[0])
  return error instanceof Error ? error.message || error.name : String(error)
}

/** Of Node's errors a name such as ENOENT, of PostgreSQL's the SQLSTATE. */
export function codeOf(error: unknown): string | undefined {
  const { code, errors } = (error ?? {}) as { code?: unknown; errors?: readonly unknown[] }
  if (typeof code === 'string') return code
  return errors === undefined ? undefined : codeOf(errors[0])
}
