import { isPgmqError, type PgmqErrorCode, type SchemaIssue } from '@pgmq/core'
import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { ResolvedOptions } from './options.js'

/** Codes of the routes' own, besides those of `PgmqError`. */
export type RefusalCode =
  | 'REQUEST_INVALID'
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'READ_ONLY'
  | 'CROSS_SITE'
  | 'NOT_FOUND'
  | 'MESSAGE_NOT_FOUND'
  | 'BODY_TOO_LARGE'
  | 'MEDIA_TYPE_UNSUPPORTED'
  | 'WORKER_BUSY'
  | 'TOO_MANY_STREAMS'
  | 'NOT_READY'
  | 'INTERNAL'

export type ProblemStatus = 400 | 401 | 403 | 404 | 409 | 413 | 415 | 422 | 500 | 501 | 503

/** What every error is answered by, as `application/problem+json` (RFC 9457). */
export interface Problem {
  readonly type: 'about:blank'
  readonly title: string
  readonly status: number
  /** What failed, and what to do. Of what failed on the server's side, its log says more. */
  readonly detail: string
  readonly code: PgmqErrorCode | RefusalCode
  readonly requestId: string
  /** What does not fit a schema, and where. */
  readonly issues?: readonly ProblemIssue[]
  /** Of several jobs, the place of the one that it is about. */
  readonly index?: number
}

export interface ProblemIssue {
  readonly message: string
  readonly path: readonly (string | number)[]
}

/** A request that is refused, with what its caller is told. */
export class Refusal extends Error {
  readonly status: ProblemStatus
  readonly code: Problem['code']
  readonly more: Pick<Problem, 'issues' | 'index'>

  constructor(
    status: ProblemStatus,
    code: Problem['code'],
    detail: string,
    more: Pick<Problem, 'issues' | 'index'> = {},
  ) {
    super(detail)
    this.status = status
    this.code = code
    this.more = more
  }
}

const TITLES: Readonly<Record<ProblemStatus, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
}

const STATUS: Readonly<Record<PgmqErrorCode, ProblemStatus>> = {
  EXTENSION_MISSING: 503,
  FEATURE_UNSUPPORTED: 501,
  QUEUE_NOT_FOUND: 404,
  QUEUE_NAME_INVALID: 400,
  INPUT_INVALID: 422,
  OUTPUT_INVALID: 500,
  BODY_NOT_SERIALIZABLE: 422,
  CONFIGURATION_INVALID: 500,
  CONNECTION_LOST: 503,
  // Not 503: whoever retries by themselves would enqueue twice.
  OUTCOME_UNKNOWN: 500,
  BATCH_TOO_LARGE: 413,
  PERMISSION_DENIED: 500,
  QUERY_FAILED: 500,
  LEASE_LOST: 409,
  CLIENT_CLOSED: 503,
}

/** Fields of a request that core checks better than a schema. What else is misconfigured is the server's. */
const FIELDS_OF_CALLERS: ReadonlySet<string> = new Set(['id', 'receipt', 'runAt', 'headers'])

/** What a caller is told of the server's troubles: messages of a database name hosts, roles and tables. */
const TOLD: Partial<Record<Problem['code'], string>> = {
  CONNECTION_LOST: 'the database cannot be reached: nothing was written, try again',
  OUTCOME_UNKNOWN: 'the connection to the database broke before its reply: it may have taken place, or not',
  CLIENT_CLOSED: 'the server is shutting down: nothing was written, try again',
  EXTENSION_MISSING: 'the database has no pgmq',
}
const TOLD_OTHERWISE = "it failed on the server's side: its log says why, by this request id"
const RETRY_AFTER_SECONDS = '1'

/** Answers what was thrown, and logs what is the server's own trouble. */
export function answerError(thrown: Error, c: Context, { logger }: Pick<ResolvedOptions, 'logger'>): Response {
  if (isHttpException(thrown)) {
    if (thrown.res) return thrown.getResponse()
    return httpProblem(c, thrown)
  }
  const refusal = thrown instanceof Refusal ? thrown : toRefusal(thrown)
  // A caller that went away ended its own wait.
  if (!(thrown instanceof Refusal) && refusal.status >= 500 && !c.req.raw.signal.aborted) {
    const requestId = requestIdOf(c)
    logger.error({ requestId, error: thrown }, `request ${requestId} failed: ${refusal.code}`)
  }
  return respond(c, refusal)
}

export function respond(c: Context, { status, code, message, more }: Refusal): Response {
  if (status === 401) c.header('WWW-Authenticate', 'Bearer')
  if (status === 503) c.header('Retry-After', RETRY_AFTER_SECONDS)
  return send(c, { type: 'about:blank', title: TITLES[status], status, detail: message, code, ...more }, status)
}

function toRefusal(error: unknown): Refusal {
  if (!isPgmqError(error)) return new Refusal(500, 'INTERNAL', TOLD_OTHERWISE)
  const { code, message, details } = error
  const status = code === 'CONFIGURATION_INVALID' && FIELDS_OF_CALLERS.has(details.field) ? 400 : STATUS[code]
  if (status >= 500) return new Refusal(status, code, TOLD[code] ?? TOLD_OTHERWISE)
  if (code !== 'INPUT_INVALID') return new Refusal(status, code, message)
  return new Refusal(status, code, message, { index: details.index, issues: toIssues(details.issues) })
}

/** Issues of whichever schema library, as plain data. */
export function toIssues(issues: readonly SchemaIssue[]): readonly ProblemIssue[] {
  return issues.map(({ message, path = [] }) => ({
    message,
    path: path.map((step) => (typeof step === 'object' ? step.key : step)).map((key) => numberOrText(key)),
  }))
}

const numberOrText = (key: PropertyKey): string | number => (typeof key === 'number' ? key : String(key))

/** What your `authorize` threw. By its shape, since there may be two copies of Hono. */
interface HttpException extends Error {
  readonly status: ContentfulStatusCode
  readonly res?: Response
  getResponse(): Response
}

const isHttpException = (error: Error): error is HttpException =>
  typeof (error as Partial<HttpException>).getResponse === 'function'

function httpProblem(c: Context, { status, message }: HttpException): Response {
  const known = Object.hasOwn(TITLES, status) ? (status as ProblemStatus) : undefined
  if (known) return respond(c, new Refusal(known, codeOf(known), message || TITLES[known]))
  const title = 'Refused'
  return send(c, { type: 'about:blank', title, status, detail: message || title, code: 'FORBIDDEN' }, status)
}

function codeOf(status: ProblemStatus): RefusalCode {
  if (status === 401) return 'UNAUTHENTICATED'
  if (status === 404) return 'NOT_FOUND'
  return status >= 500 ? 'INTERNAL' : 'FORBIDDEN'
}

function send(c: Context, problem: Omit<Problem, 'requestId'>, status: ContentfulStatusCode): Response {
  const whole: Problem = { ...problem, requestId: requestIdOf(c) }
  return c.body(JSON.stringify(whole), status, { 'Content-Type': 'application/problem+json' })
}

/** Empty where no route was found, and so none was given. */
const requestIdOf = (c: Context): string => c.get('requestId') ?? ''
