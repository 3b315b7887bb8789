import type { Lease } from './message.js'
import type { SchemaIssue } from './schema.js'

/** What each code tells besides its message. */
export interface PgmqErrorDetails {
  /** The schema `pgmq` is not in the database. */
  EXTENSION_MISSING: { readonly database: string }
  /** The connected pgmq is older than what was asked of it. */
  FEATURE_UNSUPPORTED: { readonly feature: string; readonly since: string }
  QUEUE_NOT_FOUND: { readonly queue: string }
  QUEUE_NAME_INVALID: { readonly queue: string }
  /** The input does not fit the task's schema; `index` is its place in an `enqueueMany`, or in a stream. */
  INPUT_INVALID: { readonly task: string; readonly index: number; readonly issues: readonly SchemaIssue[] }
  /** What a handler returned does not fit the task's output schema. */
  OUTPUT_INVALID: { readonly task: string; readonly issues: readonly SchemaIssue[] }
  /** PostgreSQL's jsonb could not hold the value at `path`. */
  BODY_NOT_SERIALIZABLE: { readonly path: string }
  CONFIGURATION_INVALID: { readonly field: string }
  /** The statement did not reach the server, or would have changed nothing. */
  CONNECTION_LOST: Record<never, never>
  /** The statement may have run: its reply was lost. */
  OUTCOME_UNKNOWN: Record<never, never>
  BATCH_TOO_LARGE: { readonly limit: number }
  /** `grant` is the statement that mends it. */
  PERMISSION_DENIED: { readonly grant: string }
  QUERY_FAILED: { readonly sqlState: string | null }
  LEASE_LOST: { readonly lease: Lease }
  CLIENT_CLOSED: Record<never, never>
}

export type PgmqErrorCode = keyof PgmqErrorDetails

const RETRYABLE: ReadonlySet<PgmqErrorCode> = new Set(['CONNECTION_LOST'])

/** One code's error. Catch it as `PgmqError`, and tell it apart with `isPgmqError(error, code)`. */
export class PgmqErrorOf<Code extends PgmqErrorCode> extends Error {
  readonly code: Code
  /** The same call may be made again as it was: nothing was written, and the cause may pass. */
  readonly retryable: boolean
  readonly details: PgmqErrorDetails[Code]

  constructor(
    code: Code,
    message: string,
    details: PgmqErrorDetails[Code],
    cause?: unknown,
    retryable: boolean = RETRYABLE.has(code),
  ) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.retryable = retryable
    this.details = details
  }

  // On the prototype, so that the stack's first line has it too.
  override get name(): string {
    return 'PgmqError'
  }
}

/** A union over codes: `switch (error.code)` narrows `details`. */
export type PgmqError = { [Code in PgmqErrorCode]: PgmqErrorOf<Code> }[PgmqErrorCode]

/**
 * Tells an error of this library, from whichever copy of it, and narrows it to one code when given.
 *
 * @example if (isPgmqError(error, 'INPUT_INVALID')) report(error.details.issues)
 */
export function isPgmqError<Code extends PgmqErrorCode = PgmqErrorCode>(
  error: unknown,
  code?: Code,
): error is Extract<PgmqError, { code: Code }> {
  if (!(error instanceof Error) || error.name !== 'PgmqError') return false
  const { code: actual } = error as { code?: unknown }
  return typeof actual === 'string' && (code === undefined || actual === code)
}

export function pgmqError<Code extends PgmqErrorCode>(
  code: Code,
  message: string,
  details: PgmqErrorDetails[Code],
  cause?: unknown,
): PgmqErrorOf<Code> {
  return new PgmqErrorOf(code, message, details, cause)
}

/** @internal */
export function configurationInvalid(field: string, message: string): PgmqErrorOf<'CONFIGURATION_INVALID'> {
  return pgmqError('CONFIGURATION_INVALID', message, { field })
}

/** The text of whatever was thrown, be it a proxy whose every trap throws. */
export function errorText(error: unknown): string {
  try {
    const told: unknown = error instanceof Error ? error.message || error.name : error
    return typeof told === 'string' ? told : (JSON.stringify(told) ?? String(told))
  } catch {
    return `something that cannot be put into words was thrown (${typeof error})`
  }
}
