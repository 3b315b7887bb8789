import { endsWithin } from '@pgmq/core/driver-kit'
import type { PgPool } from './connection-types.js'
import { CONNECTION_DEFAULTS } from './dedicated.js'
import { connectionError } from './errors.js'
import { ignore } from './hang-up.js'

const GOODBYE_MS = 5_000

interface OwnPool extends PgPool {
  on(event: string, listener: () => void): void
  end(): Promise<void>
}

interface PgModule {
  readonly Pool: new (options: object) => OwnPool
  readonly default?: PgModule
}

/** The pool behind a URL: neither is `pg` loaded nor a connection opened before the first statement. */
export function ownPool(connectionString: string): {
  readonly get: () => Promise<PgPool>
  readonly end: () => Promise<void>
} {
  let opening: Promise<OwnPool> | undefined
  return {
    get() {
      opening ??= open(connectionString)
      return opening
    },
    /** Lets running statements end, but does not wait for a server that does not answer. */
    async end() {
      const pool = await opening?.catch(ignore)
      if (pool) await endsWithin(pool.end(), GOODBYE_MS)
    },
  }
}

async function open(connectionString: string): Promise<OwnPool> {
  const pg: PgModule = await import('pg').catch((error: unknown) => {
    throw connectionError('cannot load "pg": npm install pg', false, error)
  })
  const { Pool } = pg.default ?? pg
  // An idle pool has nothing to lose, so it keeps no process alive: scripts need not close their client.
  const pool = new Pool({ ...CONNECTION_DEFAULTS, connectionString, allowExitOnIdle: true })
  // An idle client that breaks is replaced; without a listener it would end the process.
  pool.on('error', ignore)
  return pool
}
