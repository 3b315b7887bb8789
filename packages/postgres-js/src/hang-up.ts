import { endsWithin } from '@pgmq/core/driver-kit'
import type { Query, Wire } from './connection-types.js'

export const CANCEL_MS = 1_000

export const ignore = (): void => {}

/**
 * Asks the server to stop a statement, over a socket of its own: without that it would go on waiting for its locks.
 * Resolves when the server has taken note (`true`), or does not answer, and never rejects.
 */
export async function cancel(query: Query): Promise<boolean> {
  return query.active && (await endsWithin(query.canceller(query), CANCEL_MS))
}

/** For a statement that nobody waits for any more. In this order: a pooler cancels nothing for a client that has gone. */
export async function abandon(query: Query, wire?: Wire): Promise<void> {
  await active(query)
  // Ended already, so somebody else's statement may be on the connection by now.
  if (!query.active) return
  // Nobody is given the connection meanwhile: the request may hit whatever comes next.
  if (wire) wire.reserved = Object.assign(() => {}, { release: true })
  // Its end comes with the cancel; cut off before, `postgres` would take it for that of the next connection's first statement.
  if (await cancel(query)) await endsWithin(query, CANCEL_MS)
  wire?.terminate()
}

/**
 * While another statement is in front of it the request would hit that one, and `postgres` would take the replies that
 * follow for those of the statements behind.
 */
function active(query: Query): Promise<void> {
  return new Promise((resolve) => {
    let is = query.active
    if (is) return resolve()
    Reflect.defineProperty(query, 'active', {
      get: () => is,
      set(value: boolean) {
        is = value
        if (is) resolve()
      },
    })
  })
}
