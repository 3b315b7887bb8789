import type pg from 'pg'
import { IMPORT_HEADER, type Import, LINE_HEADER } from './imports.js'

/** How an import stands, as of one moment: every number comes from the same snapshot. */
export interface Standing {
  /** The file was read to its end. */
  readonly read: boolean
  /** Recorded so far, bad ones included. */
  readonly rows: number
  readonly bad: number
  readonly delivered: number
  readonly dead: number
  readonly retries: number
  /** Its messages in the queue. */
  readonly queued: number
  /** Of those, leased by the time that was asked about. */
  readonly leased: number
  /** Of those, waiting for their next try. */
  readonly waiting: number
  /** Until the last of the leases ends, unless its worker extends it. */
  readonly leasedSeconds: number
  /** By the database's clock, as it writes it. */
  readonly at: string
}

/** Rows that are neither delivered, dead, bad nor queued: somebody else has removed their messages. */
export function missing({ rows, bad, delivered, dead, queued }: Standing): number {
  return rows - bad - delivered - dead - queued
}

export function isAccountedFor(standing: Standing): boolean {
  return standing.read && standing.queued === 0 && missing(standing) === 0
}

const table = (kind: 'q' | 'a', queue: string): string => `pgmq."${kind}_${queue}"`
const failures = `coalesce((headers->>'x-job-failures')::int, 0)`
// `last_read_at` tells a lease from a delay; `to_jsonb` because pgmq before 1.10 has no such column.
const isLeased = `vt > clock_timestamp() and coalesce(to_jsonb(q)->>'last_read_at', '') <> ''`
const leasedInTime = `${isLeased} and (to_jsonb(q)->>'last_read_at')::timestamptz <= $2::text::timestamptz`

/**
 * `queue`: as PostgreSQL knows it, with the prefix. `leasedBy`: leases that began later are not counted; a worker tells
 * those of others from its own by the time of its start.
 */
export async function readStanding(
  pool: pg.Pool,
  { id }: Import,
  queue: string,
  leasedBy = 'infinity',
): Promise<Standing> {
  const ours = `headers->>'${IMPORT_HEADER}' = $1::text`
  const { rows } = await pool.query<Record<Exclude<keyof Standing, 'read'>, string> & { read: boolean }>(
    `select clock_timestamp()::text as at, i.read_at is not null as read, r.*, d.dead, q.queued, q.leased, q.waiting,
       greatest(q.leased_seconds, 0)::float8 as "leasedSeconds",
       (r.made + d.made + q.made) as retries
     from (select read_at from welcome_mail.imports where id = $1::text::bigint) i,
       (select count(*) as rows, count(problem) as bad, count(delivered_at) as delivered,
          coalesce(sum(attempts - 1) filter (where delivered_at is not null), 0) as made
        from welcome_mail.rows where import_id = $1::text::bigint) r,
       (select count(*) as dead, coalesce(sum((message->>'retry_count')::int), 0) as made
        from ${table('q', `${queue}_dlq`)} where ${ours}) d,
       (select count(*) as queued, count(*) filter (where ${leasedInTime}) as leased,
          count(*) filter (where vt > clock_timestamp() and not (${isLeased})) as waiting,
          coalesce(extract(epoch from max(vt) filter (where ${leasedInTime}) - clock_timestamp()), 0) as leased_seconds,
          coalesce(sum(${failures}), 0) as made
        from ${table('q', queue)} q where ${ours}) q`,
    [id, leasedBy],
  )
  const row = rows[0]
  if (!row) throw new Error(`import ${id} is gone from welcome_mail.imports`)
  return {
    read: row.read,
    rows: Number(row.rows),
    bad: Number(row.bad),
    delivered: Number(row.delivered),
    dead: Number(row.dead),
    retries: Number(row.retries),
    queued: Number(row.queued),
    leased: Number(row.leased),
    waiting: Number(row.waiting),
    leasedSeconds: Number(row.leasedSeconds),
    at: row.at,
  }
}

export interface DeadLetterGroup {
  readonly reason: string
  readonly error: string
  readonly count: number
  readonly examples: readonly string[]
}

/** Equal errors together, the most frequent first; a server's reply often names the address, which would tell all apart. */
export async function deadLettersOf(pool: pg.Pool, { id }: Import, queue: string): Promise<readonly DeadLetterGroup[]> {
  const { rows } = await pool.query<{ reason: string; error: string; count: string; examples: string[] }>(
    `select reason, error, count(*) as count, (array_agg(email order by line))[1:2] as examples
     from (select message->>'reason' as reason, message->'message'->>'email' as email, (headers->>'${LINE_HEADER}')::bigint as line,
             replace(message->>'error', message->'message'->>'email', '…') as error
           from ${table('q', `${queue}_dlq`)} where headers->>'${IMPORT_HEADER}' = $1::text) l
     group by reason, error order by count(*) desc, error`,
    [id],
  )
  return rows.map((row) => ({ ...row, count: Number(row.count) }))
}

/** The ids, in the dead-letter queue, of all of an import's letters. */
export async function deadLetterIdsOf(pool: pg.Pool, { id }: Import, queue: string): Promise<readonly string[]> {
  const { rows } = await pool.query<{ id: string }>(
    `select msg_id::text as id from ${table('q', `${queue}_dlq`)} where headers->>'${IMPORT_HEADER}' = $1::text order by msg_id`,
    [id],
  )
  return rows.map((row) => row.id)
}

export interface BadRowEntry {
  readonly line: number
  readonly problem: string
}

export async function badRowsOf(pool: pg.Pool, { id }: Import, limit: number): Promise<readonly BadRowEntry[]> {
  const { rows } = await pool.query<{ line: string; problem: string }>(
    'select line, problem from welcome_mail.rows where import_id = $1 and problem is not null order by line limit $2',
    [id, limit],
  )
  return rows.map(({ line, problem }) => ({ line: Number(line), problem }))
}

export interface Leftovers {
  readonly queue: number
  readonly archive: number
  readonly deadLetters: number
}

/** All that is in the tables of a queue, of whichever import. */
export async function leftoversOf(pool: pg.Pool, queue: string): Promise<Leftovers> {
  const { rows } = await pool.query<Record<keyof Leftovers, string>>(
    `select (select count(*) from ${table('q', queue)}) as queue, (select count(*) from ${table('a', queue)}) as archive,
       (select count(*) from ${table('q', `${queue}_dlq`)}) as "deadLetters"`,
  )
  const [row] = rows
  return { queue: Number(row?.queue), archive: Number(row?.archive), deadLetters: Number(row?.deadLetters) }
}
