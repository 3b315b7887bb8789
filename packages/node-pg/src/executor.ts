import type { QueryOptions, SqlExecutor, SqlRow } from '@pgmq/core'
import type { PgConnection, PgInternals } from './connection-types.js'
import { connectionError, notSent, spoilsConnection, statementError } from './errors.js'
import { abandon, CANCEL_MS, destroy, requestCancel } from './hang-up.js'

/** Where an executor has its connections from. */
export interface Source {
  readonly scope: SqlExecutor['scope']
  /** A connection with no statement of ours on it. When it rejects, nothing was sent. */
  take(): Promise<Loan>
}

export interface Loan {
  readonly connection: PgConnection & PgInternals
  /** `spoilt`: never to be used again. */
  giveBack(spoilt: boolean): void
}

interface QueryConfig {
  readonly text: string
  readonly values: unknown[]
  readonly types: unknown
  readonly name: string
}

type Rows = Promise<readonly SqlRow[]>

/** How far a statement is, for whoever gives it up. */
interface Progress {
  loan?: Loan
  /** Ended, or given up. */
  over?: boolean
  /** Given up while it ran, or ended by a broken connection. */
  spoilt?: boolean
}

/** Beats every type parser that the user set. `String` also reads the bytes of a client that is set to `binary`. */
const AS_TEXT = { getTypeParser: () => String }

export function createExecutor(source: Source, nameOf: (text: string) => string | undefined): SqlExecutor {
  return {
    scope: source.scope,
    query(text, params, options = {}) {
      const name = options.prepare ? nameOf(text) : undefined
      const config = { text, values: params, types: AS_TEXT, name } as QueryConfig
      const limited = options.timeoutMs !== undefined || options.signal !== undefined
      return limited ? runWithin(source, config, options) : run(source, config, {})
    },
  }
}

async function run(source: Source, config: QueryConfig, progress: Progress): Rows {
  const loan = await source.take().catch((error: unknown) => {
    throw notSent(error)
  })
  progress.loan = loan
  try {
    const { rows } = progress.over ? { rows: [] } : await loan.connection.query(config)
    return rows as readonly SqlRow[]
  } catch (error) {
    progress.spoilt ||= spoilsConnection(error)
    throw statementError(error)
  } finally {
    progress.over = true
    loan.giveBack(progress.spoilt === true)
  }
}

/** The limit is for all of it, connecting and waiting for one's turn included. */
function runWithin(source: Source, config: QueryConfig, { timeoutMs, signal }: QueryOptions): Rows {
  return new Promise((resolve, reject) => {
    const progress: Progress = {}
    let timer: ReturnType<typeof setTimeout> | undefined
    let cancelling: Promise<void> | undefined

    function lift(): void {
      clearTimeout(timer)
      signal?.removeEventListener('abort', giveUp)
    }
    function giveUp(): void {
      const { loan, over } = progress
      if (over) return
      progress.over = true
      // Even when the server stops the statement: the request may hit whatever is on the connection by then.
      progress.spoilt = loan !== undefined
      lift()
      if (loan && source.scope === 'connection') {
        // A caller's: what else is on it may live on, if only to be rolled back. So the server is to stop the statement.
        cancelling = requestCancel(loan.connection)
        timer = setTimeout(() => destroy(loan.connection), CANCEL_MS)
        return
      }
      if (loan) void abandon(loan.connection)
      const when = signal?.aborted ? 'before the abort' : `within ${timeoutMs} ms`
      reject(connectionError(`no ${loan ? 'reply' : 'connection'} ${when}`, loan !== undefined, signal?.reason))
    }
    if (signal?.aborted) return giveUp()
    if (timeoutMs !== undefined) timer = setTimeout(giveUp, timeoutMs)
    signal?.addEventListener('abort', giveUp)

    run(source, config, progress)
      .finally(() => {
        lift()
        // Lest it hit the caller's next statement.
        return cancelling
      })
      .then(resolve, reject)
  })
}
