import type { QueryOptions, SqlExecutor, SqlRow } from '../driver.js'
import { connectionError, statementError } from './errors.js'
import { rowsOf } from './rows.js'

/** Hands a statement to a builder: the driver's result, or the rows alone. */
export type Run = (text: string, params: readonly (string | null)[]) => Promise<unknown>

/** How far a statement is, for whoever gives it up. */
interface Progress {
  sent?: boolean
  /** Given up before it was its turn. */
  over?: boolean
}

/**
 * An executor on a transaction, one statement at a time. No builder lets us cancel a statement or end its connection, so
 * one that is given up goes on; the executor then sends nothing more, and what is left to its user is to roll back.
 */
export function createExecutor(run: Run, errorOf: (error: unknown) => Error = statementError): SqlExecutor {
  let last: Promise<unknown> = Promise.resolve()
  let givenUp: string | undefined

  async function send(
    text: string,
    params: readonly (string | null)[],
    progress: Progress,
  ): Promise<readonly SqlRow[]> {
    if (givenUp) throw connectionError(`an earlier statement of this transaction got ${givenUp}: roll it back`, false)
    if (progress.over) return []
    progress.sent = true
    let result: unknown
    try {
      result = await run(text, params)
    } catch (error) {
      throw errorOf(error)
    }
    return rowsOf(result, text)
  }

  return {
    scope: 'connection',
    query(text, params, options = {}) {
      const progress: Progress = {}
      // Text in, text out, also where the driver would choose a type by what a value is.
      const texts = params.map((param) => (typeof param === 'number' ? String(param) : param))
      const before = last
      const rows = within(
        () => before.then(() => send(text, texts, progress)),
        options,
        (why) => {
          const sent = progress.sent === true
          progress.over = true
          if (sent) givenUp = why
          return connectionError(why, sent, options.signal?.reason)
        },
      )
      last = Promise.allSettled([before, rows]).then(() => undefined)
      return rows
    },
  }
}

/** The limit is for all of it, waiting for one's turn included. */
function within<T>(
  work: () => Promise<T>,
  { timeoutMs, signal }: QueryOptions,
  giveUp: (why: string) => Error,
): Promise<T> {
  if (timeoutMs === undefined && !signal) return work()
  return new Promise((resolve, reject) => {
    let timer: unknown
    const lift = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
    }
    function stop(): void {
      lift()
      reject(giveUp(signal?.aborted ? 'no reply before the abort' : `no reply within ${timeoutMs} ms`))
    }
    if (signal?.aborted) return stop()
    if (timeoutMs !== undefined) timer = setTimeout(stop, timeoutMs)
    signal?.addEventListener('abort', stop)
    work().finally(lift).then(resolve, reject)
  })
}
