import type { SqlExecutor } from '../driver.js'
import { configurationInvalid, errorText } from '../errors.js'
import type { Shared } from './context.js'

/** An executor of the caller's, or the driver's own kind of connection. @throws CONFIGURATION_INVALID */
export function executorOf(shared: Shared, connection: unknown): SqlExecutor {
  if (isExecutor(connection)) return connection
  try {
    const executor = shared.driver.executorFor?.(connection as never)
    if (executor) return executor
  } catch (error) {
    throw configurationInvalid('connection', `cannot join this connection: ${errorText(error)}`)
  }
  throw configurationInvalid(
    'connection',
    'cannot join this connection: the driver knows no connection of its own kind. Pass an SqlExecutor',
  )
}

function isExecutor(connection: unknown): connection is SqlExecutor {
  const { scope, query } = (connection ?? {}) as Partial<SqlExecutor>
  return typeof query === 'function' && (scope === 'connection' || scope === 'pool')
}
