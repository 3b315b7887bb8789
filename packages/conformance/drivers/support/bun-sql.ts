import type { Driver, SqlExecutor, SqlRow } from '@pgmq/core'
import { type ReservedSQL, SQL, type TransactionSQL } from 'bun'

type Loan = Pick<ReservedSQL, 'unsafe' | 'close'> & { release?(): void }

/** A driver over Bun's own client. Open that with `prepare: false`: it would give every statement a name. */
export function createDriver(sql: SQL): Driver<TransactionSQL> {
  const states = new Set<(up: boolean) => void>()
  const ears = new SQL({ ...sql.options, max: 1, onclose: () => states.forEach((tell) => void tell(false)) })
  return {
    // Each statement has a connection to itself: Bun sends others behind one that has not ended, to wait for it.
    executor: executorOf('pool', () => sql.reserve()),
    executorFor(connection) {
      if (typeof connection?.savepoint !== 'function') throw new TypeError('pass the transaction of sql.begin()')
      return executorOf('connection', async () => connection)
    },
    async reserve() {
      const gone = new AbortController()
      const own = new SQL({ ...sql.options, max: 1, onclose: () => gone.abort(new Error('the connection is gone')) })
      const connection = await own.reserve().catch((error: unknown) => failed(error, false))
      // Not its `unsafe` alone: a connection that nobody refers to is closed with the garbage.
      const unsafe: Loan['unsafe'] = (text, values) => connection.unsafe(text, values)
      const loan = { unsafe, close: () => own.close({ timeout: 0 }) }
      const take = async (): Promise<Loan> => gone.signal.throwIfAborted() ?? loan
      return { executor: executorOf('pool', take), release: loan.close }
    },
    notifier: {
      async listen(channel, onNotify, onState) {
        states.add(onState)
        const subscription = await ears.listen(channel, onNotify, () => onState(true))
        return async () => void (states.delete(onState) && (await subscription.unlisten()))
      },
    },
    close: () => ears.close({ timeout: 0 }),
  }
}

function executorOf(scope: SqlExecutor['scope'], take: () => Promise<Loan>): SqlExecutor {
  return {
    scope,
    async query(text, params, { timeoutMs, signal } = {}) {
      const limits = [signal, timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs)]
      const limit = AbortSignal.any(limits.filter((one) => one !== undefined))
      const givenUp = new Promise<never>((_, reject) =>
        limit.addEventListener('abort', () => reject(limit.reason as Error)),
      )
      const values = params.map((param) => (param === null ? null : String(param)))
      let sent = false
      async function run(): Promise<SqlRow[]> {
        limit.throwIfAborted()
        const loan = await take()
        if (limit.aborted) return loan.release?.() ?? []
        const running = loan.unsafe(text, values).raw()
        sent = true
        const cancel = (): void => {
          running.cancel()
          // The request may hit the next statement on the connection, so there is to be none.
          if (scope === 'pool') void loan.close({ timeout: 0 })
        }
        limit.addEventListener('abort', cancel)
        try {
          const rows = await running
          return rows.map((row) => Object.fromEntries(rows.columns.map(({ name }, i) => [name, textOf(row[i])])))
        } finally {
          limit.removeEventListener('abort', cancel)
          if (!limit.aborted) loan.release?.()
        }
      }
      return await Promise.race([run(), givenUp]).catch((error: unknown) => failed(error, sent))
    },
  }
}

const textOf = (column: Uint8Array | null | undefined): string | null => column?.toString() ?? null

function failed(error: unknown, sent: boolean): never {
  const { errno } = error as { readonly errno?: string }
  throw Object.assign(new Error((error as Error).message, { cause: error }), errno ? { code: errno } : { sent })
}
