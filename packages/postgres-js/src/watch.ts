import type { Wire } from './connection-types.js'

/** Tells when the connection closes behind a transaction. One for all clients and savepoints, so that none piles up. */
export interface Watch {
  (error?: Error): void
  closed: boolean
  readonly fails: Set<(error: Error) => void>
}

/**
 * `postgres` goes on with a transaction whose connection closed: it writes to no socket, which ends the process, or to the
 * session that took its place, outside any transaction. And what waits for its turn there it forgets.
 */
export function watch(wire: Wire): Watch {
  const told = wire.onclose as Watch | undefined | null
  if (told?.fails) return told
  const fails: Watch['fails'] = new Set()
  const onclose = (error?: Error): void => {
    hook.closed = true
    for (const fail of fails) fail(error ?? new Error('the connection was closed'))
    told?.(error)
  }
  const hook: Watch = Object.assign(onclose, { closed: false, fails })
  wire.onclose = hook
  return hook
}
