import { endsWithin } from '@pgmq/core/driver-kit'
import type { PgInternals, PgWire } from './connection-types.js'

export const CANCEL_MS = 1_000

export const ignore = (): void => {}

/** Cuts the connection at once, whatever is on it. The error that `pg` then emits has a listener. */
export function destroy(target: PgInternals): void {
  target.on?.('error', ignore)
  target.connection?.stream?.destroy?.()
}

/**
 * For a statement that nobody waits for any more, on a connection that nobody else needs. In this order, for a pooler
 * takes no request to cancel for a client that has gone.
 */
export async function abandon(target: PgInternals): Promise<void> {
  await requestCancel(target)
  destroy(target)
}

/**
 * Asks the server to stop what runs on a connection, over a socket of its own, as the protocol has it: without that the
 * statement would go on waiting for its locks, and hold its place among the server's connections. Best effort; resolves
 * when the server has taken note, or does not answer, and never rejects.
 */
export async function requestCancel({ connection, processID, secretKey, host, port, ssl }: PgInternals): Promise<void> {
  // Not connected, or no connection of `pg`'s own making: `pg-native`, a look-alike.
  if (!connection?.cancel || !processID) return
  const Wire = connection.constructor as new (options: object) => PgWire
  const wire = new Wire({ ssl })
  const send = (): void => wire.cancel(processID, secretKey)
  wire.on('connect', () => (ssl ? wire.requestSsl() : send()))
  wire.on('sslconnect', send)
  wire.on('error', ignore)
  // The server acts first and hangs up then, so that no later statement is hit.
  const ended = new Promise<void>((resolve) => wire.on('end', resolve))
  wire.connect(host?.startsWith('/') ? `${host}/.s.PGSQL.${port}` : port, host)
  if (!(await endsWithin(ended, CANCEL_MS))) destroy({ connection: wire })
}
