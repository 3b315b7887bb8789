import type { Driver, SqlExecutor } from '@pgmq/core'
import { type Line, ReconnectingNotifier } from '@pgmq/core/driver-kit'
import { isPool, type PgClientConstructor, type PgConnection, type PgPool } from './connection-types.js'
import { dedicate } from './dedicated.js'
import { connectionError, notSent } from './errors.js'
import { createExecutor } from './executor.js'
import { ignore } from './hang-up.js'
import { ownPool } from './own-pool.js'
import { poolSource, turnSource } from './sources.js'
import { statementNames } from './statement-names.js'

/** A driver over a URL, a pool or a single connection of `pg`. Opens nothing by itself. */
export function createDriver(connection: string | PgPool | PgConnection): Driver<PgConnection> {
  if (isPool(connection)) return poolDriver(async () => connection, 'Client' in connection)
  if (connection && typeof connection === 'string') {
    const { get, end } = ownPool(connection)
    return poolDriver(get, true, end)
  }
  const executorFor = executors()
  return { executor: executorFor(connection as PgConnection), executorFor }
}

/**
 * An executor over a connection of yours, for a client of another driver: `client.with(fromPg(tx))`.
 *
 * @throws a TypeError for a pool, and for whatever else is no connection of `pg`
 */
export function fromPg(connection: PgConnection): SqlExecutor {
  return executors()(connection)
}

/** One executor a connection, so that two calls with the same connection take turns. */
function executors(): (connection: PgConnection) => SqlExecutor {
  const nameOf = statementNames()
  const known = new WeakMap<PgConnection, SqlExecutor>()
  return (connection) => {
    if (isPool(connection) || typeof connection?.query !== 'function') {
      // Not the value itself: it may be a connection string with a password.
      throw new TypeError('pass a Client or PoolClient of pg (createClient takes a Pool or URL too)')
    }
    const executor =
      known.get(connection) ?? createExecutor(turnSource('connection', connection, { busy: false }, ignore), nameOf)
    known.set(connection, executor)
    return executor
  }
}

function poolDriver(pool: () => Promise<PgPool>, canReserve: boolean, end?: () => Promise<void>): Driver<PgConnection> {
  const nameOf = statementNames()
  const opened = new Set<Line>()
  let closed = false

  async function take(): Promise<PgPool> {
    const from = await pool()
    if (closed) throw connectionError('the client was closed', false)
    return from
  }

  async function open(): Promise<Line> {
    const { Client, options } = (await take()) as PgPool & { readonly Client: PgClientConstructor }
    const dedicated = dedicate(Client, options, nameOf)
    opened.add(dedicated)
    void dedicated.over.then(() => opened.delete(dedicated))
    return dedicated
  }

  async function reserve(): Promise<Line> {
    let dedicated: Line | undefined
    try {
      dedicated = await open()
      await dedicated.connect()
      return dedicated
    } catch (error) {
      // Some failures, such as a password function that throws, leave the socket open.
      void dedicated?.release()
      throw notSent(error)
    }
  }

  const executor = createExecutor(poolSource(take), nameOf)
  const notifier = new ReconnectingNotifier(open, executor)
  return {
    executor,
    executorFor: executors(),
    ...(canReserve && { notifier, reserve }),
    async close() {
      closed = true
      await Promise.all([notifier.close(), ...[...opened].map((dedicated) => dedicated.release())])
      await end?.()
    },
  }
}
