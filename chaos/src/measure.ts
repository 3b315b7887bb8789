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

export async function queueLength(sql: Sql): Promise<number> {
  const [row] = await sql<{ count: string }>(`select count(*) from pgmq.q_${QUEUE}`)
  return Number(row?.count)
}

/** Jobs whose handler came to its end more than once. */
export async function ranAgain(sql: Sql): Promise<number> {
  const [twice] = await sql<{ count: number }>(
    'select count(*)::int count from (select from chaos.effects group by msg_id having count(*) > 1) twice',
  )
  return twice?.count ?? 0
}

/** Milliseconds from insert to lease of the last few jobs; infinity for those that are not leased yet. */
export async function lastPickups(sql: Sql, count: number): Promise<number[]> {
  const rows = await sql<{ ms: number | null }>(
    `select (extract(epoch from l.at - e.at) * 1000)::float8 ms
     from (select msg_id, at from chaos.log where op = 'enqueued' order by msg_id desc limit $1) e
     left join chaos.log l on l.msg_id = e.msg_id and l.op = 'leased'`,
    [count],
  )
  return rows.map(({ ms }) => ms ?? Number.POSITIVE_INFINITY)
}

export function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.POSITIVE_INFINITY
}
