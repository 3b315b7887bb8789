import { QUEUE } from './job.js'
import type { Sql } from './server.js'

const BUCKET_MS = 100
/** A rate is back when it holds for so long. */
const WINDOW_MS = 1_000

/** A stretch of a run, by the clock of this machine, which is the server's as well. */
export interface Stretch {
  readonly fromMs: number
  readonly toMs: number
}

/** Jobs archived a second. The database's own times: a killed worker's last word does not matter. */
export async function rateIn(sql: Sql, { fromMs, toMs }: Stretch): Promise<number> {
  const [row] = await sql<{ count: string }>(
    `select count(*) from pgmq.a_${QUEUE} where archived_at >= to_timestamp($1 / 1000.0) and archived_at < to_timestamp($2 / 1000.0)`,
    [fromMs, toMs],
  )
  return (Number(row?.count) * 1000) / Math.max(1, toMs - fromMs)
}

/** Seconds from `sinceMs` until the rate holds at `target` for a second; null: it never did. */
export async function recoveryAfter(sql: Sql, sinceMs: number, toMs: number, target: number): Promise<number | null> {
  const rows = await sql<{ bucket: number; count: number }>(
    `select floor((extract(epoch from archived_at) * 1000 - $1) / ${BUCKET_MS})::int bucket, count(*)::int count
     from pgmq.a_${QUEUE} where archived_at >= to_timestamp($1 / 1000.0) and archived_at < to_timestamp($2 / 1000.0) group by 1`,
    [sinceMs, toMs],
  )
  const counts = new Map(rows.map(({ bucket, count }) => [bucket, count]))
  const width = WINDOW_MS / BUCKET_MS
  const last = Math.floor((toMs - sinceMs) / BUCKET_MS) - width
  for (let first = 0; first <= last; first++) {
    const sum = Array.from({ length: width }, (_, i) => counts.get(first + i) ?? 0).reduce((a, b) => a + b, 0)
    if (sum >= (target * WINDOW_MS) / 1000) return (first * BUCKET_MS) / 1000
  }
  return null
}
