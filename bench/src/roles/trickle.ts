import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'pg'
import { clock, type System } from '../systems/system.js'
import type { Stage } from './stage.js'

export interface TrickleOptions {
  /** The number of the first job. */
  readonly first: number
  /** Jobs at most; fewer when it is told to stop before. */
  readonly jobs: number
  readonly perSecond: number
  /** Each in a transaction of its own, whose commit is what its delay is counted from. */
  readonly transactions?: { readonly url: string; readonly openMs: number }
}

/** Sends jobs at an even rate, with the time at which they were sent in them. */
export async function trickle(
  system: System,
  { first, jobs, perSecond, transactions }: TrickleOptions,
  stage: Stage,
): Promise<{ sent: number }> {
  const pool = transactions ? new Pool({ connectionString: transactions.url, max: 4 }) : null
  let stopped = false
  void stage.stop.then(() => {
    stopped = true
  })
  let sent = 0
  stage.tell('ready')
  await stage.go
  const startedMs = performance.now()
  while (!stopped && sent < jobs) {
    const due = Math.min(jobs, Math.floor(((performance.now() - startedMs) / 1000) * perSecond) + 1)
    if (due <= sent) {
      await sleep(Math.max(1, startedMs + (sent / perSecond) * 1000 - performance.now()))
    } else if (pool) {
      await inTransaction(pool, system, first + sent++, transactions?.openMs ?? 0)
    } else {
      const at = clock()
      const batch = Array.from({ length: Math.min(1_000, due - sent) }, (_, i) => ({ n: first + sent + i, at }))
      sent += batch.length
      await system.enqueueMany(batch)
    }
  }
  await pool?.end()
  return { sent }
}

async function inTransaction(pool: Pool, system: System, n: number, openMs: number): Promise<void> {
  const connection = await pool.connect()
  await connection.query('begin')
  await system.enqueueIn?.(connection, { n, at: clock() + openMs })
  await sleep(openMs)
  await connection.query('commit')
  connection.release()
}
