import type { PgConnection, PgInternals, PgPool } from './connection-types.js'
import type { Loan, Source } from './executor.js'
import { ignore } from './hang-up.js'

/** Any client of a pool, for each statement. */
export function poolSource(pool: () => Promise<PgPool>): Source {
  return {
    scope: 'pool',
    async take(): Promise<Loan> {
      const client = await checkOut(await pool())
      return {
        connection: client,
        giveBack(spoilt) {
          client.release(spoilt)
          if (!spoilt) client.removeListener?.('error', ignore)
        },
      }
    },
  }
}

type PooledClient = Awaited<ReturnType<PgPool['connect']>> & PgInternals

interface CheckOut {
  connect(callback: (error: Error | undefined, client: PooledClient) => void): Promise<PooledClient> | undefined
}

/**
 * While a client is out, its pool does not listen: without a listener a broken connection would end the process. By
 * callback, since a promise's turn may be too late: the server's greeting and its farewell can come in one read.
 */
function checkOut(pool: PgPool): Promise<PooledClient> {
  return new Promise((resolve, reject) => {
    const take = (client: PooledClient): void => {
      client.on?.('error', ignore)
      resolve(client)
    }
    const promised = (pool as unknown as CheckOut).connect((error, client) => (error ? reject(error) : take(client)))
    // A look-alike that knows promises alone.
    promised?.then(take, reject)
  })
}

/** How it stands with the one connection of a source. */
export interface Turns {
  busy: boolean
  /** Why there is no further turn. */
  refusal?: Error
}

/**
 * One connection, one statement at a time: `pg` 9 takes no second query on a busy client, and of what still waits here
 * it is certain that it was not sent.
 */
export function turnSource(
  scope: Source['scope'],
  connection: PgConnection & PgInternals,
  turns: Turns,
  onSpoilt: () => unknown,
): Source {
  let last: Promise<void> = Promise.resolve()
  return {
    scope,
    async take(): Promise<Loan> {
      const before = last
      let next = ignore
      last = new Promise((resolve) => {
        next = resolve
      })
      await before
      if (turns.refusal) {
        next()
        throw turns.refusal
      }
      turns.busy = true
      return {
        connection,
        giveBack(spoilt) {
          turns.busy = false
          if (spoilt) onSpoilt()
          next()
        },
      }
    },
  }
}
