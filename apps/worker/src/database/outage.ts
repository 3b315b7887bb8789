import { setTimeout as sleep } from 'node:timers/promises'
import { isPgmqError } from '@pgmq/node-pg'
import type pg from 'pg'
import { codeOf, textOf } from '../failure.js'

const FIRST_WAIT_MS = 100
const LONGEST_WAIT_MS = 2_000

/** The server is away, or has no connection to spare: the same may work a moment later. */
export function isOutage(error: unknown): boolean {
  if (isPgmqError(error)) return error.code === 'CONNECTION_LOST' || error.code === 'OUTCOME_UNKNOWN'
  const code = codeOf(error)
  if (code === undefined) return /connection|timeout/i.test(textOf(error))
  // Classes 08 and 57P, too many connections, and what Node says of sockets and names.
  return /^(08...|57P0.|53300|ECONN.*|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)$/.test(code)
}

/**
 * Goes on until it succeeds, or fails for a reason that does not pass by itself. `action` must be one that may be
 * repeated, also when it was done and only its reply was lost.
 */
export async function throughOutages<T>(action: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
    try {
      return await action()
    } catch (error) {
      if (!isOutage(error) || signal.aborted) throw error
      await sleep(waitMs, undefined, { signal }).catch(() => {
        throw error
      })
    }
  }
}

/** Commits what `work` did, or nothing of it. */
export async function inTransaction<T>(pool: pg.Pool, work: (tx: pg.PoolClient) => Promise<T>): Promise<T> {
  const tx = await pool.connect()
  // While it is out of the pool nobody else listens: a server that goes away would end the process.
  const ignore = (): void => {}
  tx.on('error', ignore)
  let broken = true
  try {
    await tx.query('begin')
    const result = await work(tx)
    await tx.query('commit')
    broken = false
    return result
  } catch (error) {
    await tx.query('rollback').then(
      () => {
        broken = false
      },
      () => {},
    )
    throw error
  } finally {
    tx.removeListener('error', ignore)
    tx.release(broken)
  }
}
