import type { Driver, SqlExecutor } from '@pgmq/core'
import { ReconnectingNotifier } from '@pgmq/core/driver-kit'
import { asTheyAre, untransformed } from './column-names.js'
import {
  type Connection,
  isConnection,
  isPool,
  type Options,
  type Postgres,
  type PostgresConnection,
  type PostgresPool,
} from './connection-types.js'
import { Dedicated } from './dedicated.js'
import { connectionError, statementError } from './errors.js'
import { createExecutor } from './executor.js'
import { OwnPool } from './own-pool.js'
import { poolSource, turnSource } from './sources.js'

/** A driver over a URL, a pool or a single connection of `postgres`. Opens nothing by itself. */
export function createDriver(connection: string | PostgresPool | PostgresConnection): Driver<PostgresConnection> {
  if (isPool(connection) || (connection && typeof connection === 'string')) return poolDriver(connection)
  const executorFor = executors()
  return { executor: executorFor(connection as PostgresConnection), executorFor }
}

/**
 * An executor over a connection of yours, for a client of another driver: `client.with(fromPostgres(tx))`.
 *
 * @throws a TypeError for a pool, and for whatever else is no connection of `postgres`
 */
export function fromPostgres(connection: PostgresConnection): SqlExecutor {
  return executors()(connection)
}

/** One executor a connection, so that two calls with the same connection take turns. */
function executors(): (connection: PostgresConnection) => SqlExecutor {
  const namesOf = untransformed()
  const known = new WeakMap<PostgresConnection, SqlExecutor>()
  return (connection) => {
    if (!isConnection(connection)) {
      // Not the value itself: it may be a connection string with a password.
      throw new TypeError('pass a TransactionSql or ReservedSql of postgres (createClient takes an Sql or URL too)')
    }
    const made = (): SqlExecutor =>
      createExecutor(turnSource('connection', connection as unknown as Connection, {}), namesOf)
    const executor = known.get(connection) ?? made()
    known.set(connection, executor)
    return executor
  }
}

function poolDriver(connection: string | PostgresPool): Driver<PostgresConnection> {
  const opened = new Set<Dedicated>()
  let closed = false

  function refuseWhenClosed(): void {
    if (closed) throw connectionError('the client was closed', false)
  }

  async function open(): Promise<Dedicated> {
    const postgres = await load()
    const options = typeof connection === 'string' ? parse(postgres, connection) : (connection.options as Options)
    refuseWhenClosed()
    const dedicated = new Dedicated(postgres, options)
    opened.add(dedicated)
    void dedicated.over.then(() => opened.delete(dedicated))
    return dedicated
  }

  async function reserve(): Promise<Dedicated> {
    try {
      const dedicated = await open()
      await dedicated.connect()
      return dedicated
    } catch (error) {
      throw statementError(error, false)
    }
  }

  const own = typeof connection === 'string' ? new OwnPool(reserve) : undefined
  const borrowed = poolSource(async () => {
    refuseWhenClosed()
    return connection as unknown as Connection
  })
  const executor = own ? createExecutor(own, asTheyAre) : createExecutor(borrowed, untransformed())
  const notifier = new ReconnectingNotifier(open, executor)
  return {
    executor,
    executorFor: executors(),
    notifier,
    reserve,
    async close() {
      closed = true
      await own?.end()
      await Promise.all([notifier.close(), ...[...opened].map((dedicated) => dedicated.release())])
    },
  }
}

async function load(): Promise<Postgres> {
  const module: unknown = await import('postgres').catch((error: unknown) => {
    throw connectionError('cannot load "postgres": npm install postgres', false, error)
  })
  return (module as { readonly default: Postgres }).default
}

function parse(postgres: Postgres, url: string): Options {
  try {
    return postgres(url, { max: 1, no_subscribe: true }).options
  } catch {
    // Without its cause, which has the password.
    throw connectionError('the connection string is not a URL', false)
  }
}
