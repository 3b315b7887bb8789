import type { QueryOptions, SqlExecutor, SqlParam, SqlRow } from '@pgmq/core'
import type { ColumnNames } from './column-names.js'
import type { Query, Wire } from './connection-types.js'
import { connectionError, spoilsConnection, statementError } from './errors.js'
import { abandon, CANCEL_MS, cancel } from './hang-up.js'
import { replaceByNothing, send, type Values } from './send.js'
import type { Loan, Source } from './sources.js'
import { watch } from './watch.js'

/** Each is a plan that every connection's server process keeps, so a client of very many queues stops preparing. */
const MOST_PREPARED = 100

interface Job {
  readonly source: Source
  readonly namesOf: ColumnNames
  readonly text: string
  readonly params: readonly SqlParam[]
  readonly prepare: boolean
}

type Rows = Promise<readonly SqlRow[]>

/** How far a statement is, for whoever gives it up. */
interface Progress {
  loan?: Loan
  query?: Query
  wire?: Wire
  /** Ended, or given up. */
  over?: boolean
  /** Given up while it ran, or ended by a broken connection. */
  spoilt?: boolean
}

export function createExecutor(source: Source, namesOf: ColumnNames): SqlExecutor {
  const prepared = new Set<string>()
  return {
    scope: source.scope,
    query(text, params, options = {}) {
      if (options.prepare && prepared.size < MOST_PREPARED) prepared.add(text)
      const job = { source, namesOf, text, params, prepare: options.prepare === true && prepared.has(text) }
      const limited = options.timeoutMs !== undefined || options.signal !== undefined
      return limited ? runWithin(job, options) : run(job, {})
    },
  }
}

async function run(job: Job, progress: Progress): Rows {
  const { source, namesOf, text } = job
  const loan = await source.take().catch((error: unknown) => {
    throw statementError(error, false)
  })
  progress.loan = loan
  try {
    const values = progress.over ? [] : await runOn(loan, job, progress)
    if (values.length === 0) return []
    const names = await namesOf(loan.connection, text, progress.query as Query)
    return values.map((row) => Object.fromEntries(names.map((name, i) => [name, row[i] ?? null])))
  } catch (error) {
    progress.spoilt ||= spoilsConnection(error, source.scope)
    // As long as it was not written to a session: before, `postgres` rejects what waits for a connection.
    throw statementError(error, progress.query?.state !== null)
  } finally {
    progress.over = true
    loan.giveBack(progress.spoilt === true)
  }
}

function runOn({ connection, turns }: Loan, job: Job, progress: Progress): Promise<readonly Values[]> {
  return new Promise((resolve, reject) => {
    const { query, rows } = send(connection, job.text, job.params, job.prepare, (wire) => {
      progress.wire = wire
      if (job.source.scope === 'connection') turns.watch = watch(wire)
    })
    progress.query = turns.query = query
    const { watch: before } = turns
    before?.fails.add(reject)
    void rows.then(resolve, reject).finally(() => before?.fails.delete(reject))
  })
}

/** The limit is for all of it, connecting and waiting for one's turn included. */
function runWithin(job: Job, { timeoutMs, signal }: QueryOptions): Rows {
  return new Promise((resolve, reject) => {
    const progress: Progress = {}
    let timer: ReturnType<typeof setTimeout> | undefined
    let cancelling: Promise<unknown> | undefined

    function lift(): void {
      clearTimeout(timer)
      signal?.removeEventListener('abort', giveUp)
    }
    function giveUp(): void {
      const { loan, query, wire, over } = progress
      if (over) return
      progress.over = true
      lift()
      const sent = query !== undefined && query.state !== null
      const when = signal?.aborted ? 'before the abort' : `within ${timeoutMs} ms`
      const error = connectionError(`no ${sent ? 'reply' : 'connection'} ${when}`, sent, signal?.reason)
      if (sent && job.source.scope === 'connection') {
        // A caller's: what else is on it may live on, if only to be rolled back. So the server is to stop the statement.
        cancelling = cancel(query)
        timer = setTimeout(() => {
          if (query.active) wire?.terminate()
          loan?.giveBack(true)
          reject(error)
        }, CANCEL_MS)
        return
      }
      if (sent) {
        // Even when the server stops the statement: the request may hit whatever is on the connection by then.
        progress.spoilt = true
        void abandon(query, wire).then(loan?.cut)
      } else if (query) replaceByNothing(query)
      reject(error)
    }
    if (signal?.aborted) return giveUp()
    if (timeoutMs !== undefined) timer = setTimeout(giveUp, timeoutMs)
    signal?.addEventListener('abort', giveUp)

    run(job, progress)
      .finally(() => {
        lift()
        // Lest it hit the caller's next statement.
        return cancelling
      })
      .then(resolve, reject)
  })
}
