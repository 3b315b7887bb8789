import type pg from 'pg'
import { codeOf, Failure } from '../failure.js'
import { inTransaction } from './outage.js'
import type { ServerName } from './server.js'

/** What this app remembers, in the same database as the queue, so that both change in one transaction. */
const TABLES = `
create schema welcome_mail;
create table welcome_mail.imports (
  id bigint generated always as identity primary key,
  queue text not null,                                  -- as PostgreSQL knows it: with the prefix
  file_name text not null,
  file_digest text not null,
  smtp text,                                            -- the server that the mails went to; null: they were caught
  last_line bigint not null default 0,                  -- rows up to here are recorded; a restart goes on behind it
  started_at timestamptz not null default clock_timestamp(),
  read_at timestamptz,                                  -- when the last row was recorded
  finished_at timestamptz
);
create unique index imports_unfinished on welcome_mail.imports (queue, file_digest) where finished_at is null;
create table welcome_mail.rows (
  import_id bigint not null references welcome_mail.imports on delete cascade,
  line bigint not null,
  email text,
  problem text,                                         -- why it was not enqueued
  delivered_at timestamptz,
  attempts int,
  primary key (import_id, line)
);`

const PERMISSION_DENIED = '42501'

/** @throws Failure when pgmq is missing, or the role may not create what is */
export async function prepareDatabase(pool: pg.Pool, { user, database }: ServerName): Promise<void> {
  const { rows } = await pool.query<{ installed: boolean; prepared: boolean }>(
    `select to_regnamespace('pgmq') is not null installed, to_regnamespace('welcome_mail') is not null prepared`,
  )
  if (!rows[0]?.installed) {
    throw new Failure(
      `pgmq is not installed in database "${database}". As a superuser: psql -d ${database} -c 'create extension pgmq'`,
    )
  }
  if (rows[0].prepared) return
  try {
    await createTables(pool)
  } catch (error) {
    if (codeOf(error) !== PERMISSION_DENIED) throw error
    throw new Failure(
      `role "${user}" may not create the schema welcome_mail in database "${database}". As its owner: grant create on database ${quoted(database)} to ${quoted(user)};`,
      { cause: error },
    )
  }
}

async function createTables(pool: pg.Pool): Promise<void> {
  await inTransaction(pool, async (tx) => {
    // Two first starts at once: the second waits, and finds it done.
    await tx.query(`select pg_advisory_xact_lock(hashtext('welcome_mail'))`)
    const { rows } = await tx.query(`select 1 where to_regnamespace('welcome_mail') is null`)
    if (rows.length > 0) await tx.query(TABLES)
  })
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
