import { Pool } from 'pg'
import type { System } from '../systems/system.js'
import type { Stage } from './stage.js'

export interface CommitOptions {
  readonly url: string
  readonly connections: number
  readonly warmUpMs: number
  readonly ms: number
}

/** One job a transaction, on so many connections at once. */
export async function commit(
  system: System,
  { url, connections, warmUpMs, ms }: CommitOptions,
  stage: Stage,
): Promise<{ perSecond: number; total: number }> {
  await system.prepare()
  const pool = new Pool({ connectionString: url, max: connections })
  stage.tell('ready')
  await stage.go
  let total = 0
  const during = async (untilMs: number): Promise<void> => {
    const connection = await pool.connect()
    while (performance.now() < untilMs) {
      await connection.query('begin')
      await system.enqueueIn?.(connection, { n: total++, at: 0 })
      await connection.query('commit')
    }
    connection.release()
  }
  const callers = (untilMs: number): Promise<unknown> =>
    Promise.all(Array.from({ length: connections }, () => during(untilMs)))
  await callers(performance.now() + warmUpMs)
  const before = total
  const startedMs = performance.now()
  await callers(startedMs + ms)
  const perSecond = ((total - before) / (performance.now() - startedMs)) * 1000
  await pool.end()
  return { perSecond, total }
}
