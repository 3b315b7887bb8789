import { errorText, isPgmqError, type PgmqError, pgmqError } from './errors.js'

export const UNDEFINED_TABLE = '42P01'
/** Undefined table, column, function, schema: they teach something about the queue's tables. */
const ABOUT_TABLES: ReadonlySet<string> = new Set([UNDEFINED_TABLE, '42703', '42883', '3F000'])
export const INSUFFICIENT_PRIVILEGE = '42501'
export const LOCK_NOT_AVAILABLE = '55P03'
export const QUERY_CANCELED = '57014'
/** A pooler in transaction mode: the named statement is another session's, or nobody's. */
const NAMED_STATEMENT: ReadonlySet<string> = new Set(['42P05', '26000'])
/** Deadlock, serialisation failure, lock not available: nothing was written, and the next try may pass. */
const TRANSIENT: ReadonlySet<string> = new Set(['40P01', '40001', LOCK_NOT_AVAILABLE])
/** The server took no statement on this connection: starting up, too many clients, refused, no such database. */
const NOT_SENT = /^(57P03|53300|28...|3D000)$/
/** The connection ended under the statement: it may have run. */
const CUT_OFF = /^(08...|57P0[1245]|25P0[34])$/
/** Not the fault of one item in a batch: connections, grants, missing tables, transactions, resources, the server itself. */
const NOT_THE_DATA = /^(08|25|28|40|42|53|57|58|XX)/

export const isAboutTables = (state: string | null): boolean => state !== null && ABOUT_TABLES.has(state)
export const isTransient = (state: string | null): boolean => state !== null && TRANSIENT.has(state)
export const isNamedStatement = (state: string | null): boolean => state !== null && NAMED_STATEMENT.has(state)

/** The SQLSTATE of what a driver rejected with. */
export function sqlStateOf(error: unknown): string | null {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : null
}

/** One bad item may have failed the whole statement: worth taking the batch apart. */
export function isDataError(error: unknown): boolean {
  if (!isPgmqError(error, 'QUERY_FAILED')) return false
  const state = error.details.sqlState
  return state !== null && !NOT_THE_DATA.test(state)
}

const RAN_OUT =
  '. So long is queryTimeoutSeconds, an option of createClient: raise it where the server is slow, or the pool busy'

/**
 * What a driver rejected with, by our codes. Those that need a look at the database come from `session.ts`.
 *
 * @param looks the statement changes nothing
 * @param ranOut the client's limit was over
 */
export function fromDriver(error: unknown, doing: string, looks = false, ranOut = false): PgmqError {
  if (isPgmqError(error)) return error
  const state = sqlStateOf(error)
  const sent = (error as { sent?: unknown } | null)?.sent
  const text = errorText(error)
  const remedy = ranOut ? RAN_OUT : ''
  if (sent === false || (state !== null && NOT_SENT.test(state))) {
    return pgmqError(
      'CONNECTION_LOST',
      `cannot ${doing}: no connection to PostgreSQL (${text}). Nothing was written; try again${remedy}`,
      {},
      error,
    )
  }
  if (sent === true || (state !== null && CUT_OFF.test(state))) {
    const why = `the connection broke before its reply (${text})`
    if (looks) return pgmqError('CONNECTION_LOST', `cannot ${doing}: ${why}. Try again${remedy}`, {}, error)
    return pgmqError('OUTCOME_UNKNOWN', `cannot tell whether "${doing}" took place: ${why}${remedy}`, {}, error)
  }
  return pgmqError('QUERY_FAILED', `cannot ${doing}: ${text}`, { sqlState: state }, error)
}
