import type { PgmqClient } from '@pgmq/node-pg'
import type pg from 'pg'
import type { WelcomeEmailTask } from '../tasks.js'
import { isGood, type Row } from '../users/row.js'
import type { UsersFile } from '../users/users-file.js'
import { inTransaction } from './outage.js'

/** One time that a file is sent to. */
export interface Import {
  readonly id: string
  readonly fileName: string
}

export interface FinishedImport extends Import {
  readonly finishedAt: Date
  /** The server that its mails went to; `null`: they were caught. */
  readonly smtp: string | null
}

/** What enqueues jobs, and records them in the same transaction. */
export interface Producer {
  readonly pool: pg.Pool
  readonly client: PgmqClient
  readonly task: WelcomeEmailTask
}

/** Which row a job is of. Headers travel along with the message, into the archive, a dead letter and out of it again. */
export const IMPORT_HEADER = 'x-import'
export const LINE_HEADER = 'x-import-line'

/** The file's last finished import, if any. */
export async function lastFinished(pool: pg.Pool, file: UsersFile, queue: string): Promise<FinishedImport | undefined> {
  const { rows } = await pool.query<{ id: string; finished_at: Date; smtp: string | null }>(
    `select id, finished_at, smtp from welcome_mail.imports
     where queue = $1 and file_digest = $2 and finished_at is not null order by finished_at desc limit 1`,
    [queue, file.digest],
  )
  const [row] = rows
  return row && { id: row.id, fileName: file.name, finishedAt: row.finished_at, smtp: row.smtp }
}

/** The import of this file that was not finished. */
export async function unfinished(pool: pg.Pool, file: UsersFile, queue: string): Promise<Import | undefined> {
  const { rows } = await pool.query<{ id: string }>(
    'select id from welcome_mail.imports where queue = $1 and file_digest = $2 and finished_at is null',
    [queue, file.digest],
  )
  return rows[0] && { id: rows[0].id, fileName: file.name }
}

/** Begins one; where another process did so in the same moment, both work on that one. */
export async function begin(pool: pg.Pool, file: UsersFile, queue: string): Promise<Import> {
  const { rows } = await pool.query<{ id: string }>(
    `insert into welcome_mail.imports (queue, file_name, file_digest) values ($1, $2, $3)
     on conflict (queue, file_digest) where finished_at is null do update set file_name = excluded.file_name returning id`,
    [queue, file.name, file.digest],
  )
  return { id: rows[0]?.id as string, fileName: file.name }
}

/** The line up to which rows are recorded. */
export async function lastLine(pool: pg.Pool, { id }: Import): Promise<number> {
  const { rows } = await pool.query<{ last_line: string }>('select last_line from welcome_mail.imports where id = $1', [
    id,
  ])
  return Number(rows[0]?.last_line)
}

/**
 * Records rows and enqueues a job for each good one, all or nothing: a process that is killed has done both or neither.
 * `false`: the import is not at `after` any more, so another process, or a try whose reply was lost, has recorded them.
 */
export async function record(
  { pool, client, task }: Producer,
  { id }: Import,
  after: number,
  rows: readonly Row[],
): Promise<boolean> {
  const last = rows.at(-1)?.line ?? after
  return await inTransaction(pool, async (tx) => {
    const { rowCount } = await tx.query(
      'update welcome_mail.imports set last_line = $3 where id = $1 and last_line = $2',
      [id, after, last],
    )
    if (rowCount === 0) return false
    await tx.query(
      `insert into welcome_mail.rows (import_id, line, email, problem)
       select $1, line, email, problem from unnest($2::bigint[], $3::text[], $4::text[]) r (line, email, problem)`,
      [
        id,
        rows.map(({ line }) => line),
        rows.map((row) => (isGood(row) ? row.user.email : null)),
        rows.map((row) => (isGood(row) ? null : row.problem)),
      ],
    )
    const good = rows.filter(isGood)
    await client.with(tx).enqueueMany(
      task,
      good.map(({ user }) => user),
      (_user, i) => ({ headers: { [IMPORT_HEADER]: id, [LINE_HEADER]: good[i]?.line ?? 0 } }),
    )
    return true
  })
}

export async function markRead(pool: pg.Pool, { id }: Import): Promise<void> {
  await pool.query('update welcome_mail.imports set read_at = coalesce(read_at, clock_timestamp()) where id = $1', [id])
}

/** `smtp`: the server that its mails went to, unless they were caught. */
export async function markFinished(pool: pg.Pool, { id }: Import, smtp: string | undefined): Promise<void> {
  await pool.query(
    'update welcome_mail.imports set finished_at = clock_timestamp(), smtp = $2 where id = $1 and finished_at is null',
    [id, smtp ?? null],
  )
}

export async function reopen(pool: pg.Pool, { id }: Import): Promise<void> {
  await pool.query('update welcome_mail.imports set finished_at = null where id = $1', [id])
}
