import type { ClientContext } from '../client/context.js'
import type { PgmqClient } from '../client/pgmq-client.js'
import type { Driver, SqlExecutor } from '../driver.js'
import { configurationInvalid, errorText } from '../errors.js'
import { Knowledge } from '../session.js'
import { type Learned, ProtocolContext } from './context.js'
import { type GroupVerbs, groupVerbs } from './group-verbs.js'
import { type MessageVerbs, messageVerbs } from './message-verbs.js'
import { type MetricsVerbs, metricsVerbs } from './metrics-verbs.js'
import { type NotifyVerbs, notifyVerbs } from './notify-verbs.js'
import { type QueueVerbs, queueVerbs } from './queue-verbs.js'
import { type TopicVerbs, topicVerbs } from './topic-verbs.js'

/** pgmq's verbs. Every function is a property, to be destructured. */
export interface Protocol<in Connection = never>
  extends QueueVerbs,
    MessageVerbs,
    GroupVerbs,
    TopicVerbs,
    NotifyVerbs,
    MetricsVerbs {
  /**
   * The same verbs on your connection: what they do commits, or rolls back, with your transaction. Nothing is tried there
   * that may fail: the catalog is asked before.
   *
   * @throws CONFIGURATION_INVALID for a pool, or another driver's connection
   * @example await pgmq.with(tx).send('emails', { to: 'ada@example.com' })
   */
  with(connection: Connection | SqlExecutor): Protocol<Connection>
}

export interface ProtocolOptions {
  /**
   * For sending; switched off by itself behind a pooler in transaction mode.
   *
   * @defaultValue true
   */
  readonly preparedStatements?: boolean
}

/**
 * Everything that the extension pgmq has in SQL, typed, from version 1.4.4 on. Names are pgmq's own: a client's prefix
 * plays no part. Nothing here knows of leases, retries or dead letters: those are the client's.
 *
 * An object rather than free functions: `delete` can be no function's name, what was learned of the server needs a place
 * that is no module's, and as an entry of its own it costs nothing to those who do not import it.
 *
 * @param on a client, whose connections and `queryTimeoutSeconds` it shares; a driver; or an executor
 * @example
 * const pgmq = createProtocol(createClient(process.env.DATABASE_URL!))
 * await pgmq.send('emails', { to: 'ada@example.com' }, { delay: 60 })
 * const [message] = await pgmq.read('emails', { visibilitySeconds: 30 })
 */
export function createProtocol<Connection = never>(
  on: PgmqClient<Connection> | Driver<Connection> | SqlExecutor,
  { preparedStatements = true }: ProtocolOptions = {},
): Protocol<Connection> {
  const { executor, executorFor, limitMs } = sourceOf(on)
  const knowledge = new Knowledge(preparedStatements, undefined, limitMs)
  const learned: Learned = { knowledge, functions: new Set(), installed: false }
  const verbs = (context: ProtocolContext): Protocol<Connection> => ({
    ...queueVerbs(context),
    ...messageVerbs(context),
    ...groupVerbs(context),
    ...topicVerbs(context),
    ...notifyVerbs(context),
    ...metricsVerbs(context),
    with: (connection) => verbs(context.on(join(connection, executorFor))),
  })
  return verbs(new ProtocolContext(executor, learned))
}

interface Source {
  readonly executor: SqlExecutor
  readonly executorFor: ((connection: never) => SqlExecutor) | undefined
  readonly limitMs: number | undefined
}

/** How a client is known, also one that another copy of this library made. */
const CLIENT_CONTEXT = Symbol.for('@pgmq/client-context')

function sourceOf(on: unknown): Source {
  if (isExecutor(on)) return { executor: on, executorFor: undefined, limitMs: undefined }
  const context = (on as { readonly [CLIENT_CONTEXT]?: ClientContext } | null | undefined)?.[CLIENT_CONTEXT]
  const driver = context ? context.shared.driver : (on as Partial<Driver> | null | undefined)
  const executor = context ? context.session.executor : driver?.executor
  const limitMs = context?.shared.knowledge.limitMs
  if (driver && isExecutor(executor)) return { executor, executorFor: driver.executorFor?.bind(driver), limitMs }
  throw configurationInvalid('on', 'createProtocol takes a client, a driver or an SqlExecutor: this is none of them')
}

function join(connection: unknown, executorFor: Source['executorFor']): SqlExecutor {
  if (isExecutor(connection)) return connection
  try {
    const executor = executorFor?.(connection as never)
    if (executor) return executor
  } catch (error) {
    throw configurationInvalid('connection', `cannot join this connection: ${errorText(error)}`)
  }
  throw configurationInvalid('connection', 'cannot join this connection: pass an SqlExecutor')
}

function isExecutor(given: unknown): given is SqlExecutor {
  const { scope, query } = (given ?? {}) as Partial<SqlExecutor>
  return typeof query === 'function' && (scope === 'connection' || scope === 'pool')
}
