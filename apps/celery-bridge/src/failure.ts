/** Something that the person at the keyboard can mend. Its message says what failed and what to do; no stack is shown. */
export class Failure extends Error {
  override readonly name: string = 'Failure'
}

export function textOf(error: unknown): string {
  if (error instanceof AggregateError && !error.message) return textOf(error.errors[0])
  return error instanceof Error ? error.message || error.name : String(error)
}
