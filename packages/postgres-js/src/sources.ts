import type { SqlExecutor } from '@pgmq/core'
import type { Connection, Query } from './connection-types.js'
import { connectionError } from './errors.js'
import { ignore } from './hang-up.js'
import type { Watch } from './watch.js'

/** Where an executor has its connections from. */
export interface Source {
  readonly scope: SqlExecutor['scope']
  /** When it rejects, nothing was sent. */
  take(): Promise<Loan>
}

export interface Loan {
  readonly connection: Connection
  readonly turns: Turns
  /** `spoilt`: never to be used again. */
  giveBack(spoilt: boolean): void
  /** Ends the connection at once. Without it `postgres` is to. */
  readonly cut?: (() => void) | undefined
}

/** How it stands with the one connection of a source. */
export interface Turns {
  /** The last statement. */
  query?: Query
  watch?: Watch
  /** There is no further turn. */
  over?: boolean
}

/** Any connection of a pool of the user's, which `postgres` chooses. */
export function poolSource(pool: () => Promise<Connection>): Source {
  return {
    scope: 'pool',
    take: async () => ({ connection: await pool(), turns: {}, giveBack: ignore }),
  }
}

/** One connection, one statement at a time: of what still waits here it is certain that it was not sent. */
export function turnSource(scope: Source['scope'], connection: Connection, turns: Turns, cut?: () => void): Source {
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
      if (turns.over || turns.watch?.closed) {
        next()
        throw connectionError('the connection has ended', false)
      }
      return {
        connection,
        turns,
        cut,
        giveBack(spoilt) {
          turns.over ||= spoilt
          if (spoilt) cut?.()
          next()
        },
      }
    },
  }
}
