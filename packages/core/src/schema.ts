/** The part of Standard Schema v1 that is called here: Zod, Valibot, ArkType and others fit. See https://standardschema.dev */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

export type InferInput<S extends StandardSchema> = NonNullable<S['~standard']['types']>['input']
export type InferOutput<S extends StandardSchema> = NonNullable<S['~standard']['types']>['output']

/**
 * A type without a check. Other writers can put anything in a queue, so prefer a real schema.
 *
 * @example defineTask({ name: 'ping', queue: 'user_tasks', input: unchecked<{ at: string }>() })
 */
export function unchecked<T extends object>(): StandardSchema<T> {
  return { '~standard': { version: 1, vendor: 'pgmq', validate: (value) => ({ value: value as T }) } }
}

/** `email: Invalid email address; lines.0.amount: Required` */
export function issuesText(issues: readonly SchemaIssue[]): string {
  return issues
    .map(({ message, path }) => {
      const at = (path ?? []).map((step) => String(typeof step === 'object' ? step.key : step)).join('.')
      return at ? `${at}: ${message}` : message
    })
    .join('; ')
}

/** Whether a schema answers later: by a promise, of whichever make. */
export function isLater<T>(answer: T | PromiseLike<T>): answer is PromiseLike<T> {
  return typeof (answer as Partial<PromiseLike<T>> | undefined)?.then === 'function'
}
