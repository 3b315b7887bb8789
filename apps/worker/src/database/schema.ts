import type pg from 'pg'
import { inTransaction } from './outage.js'

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

/** Creates the tables where they are missing; `requireRights` has asked whether that is allowed. */
export async function prepareTables(pool: pg.Pool): Promise<void> {
  if (!(await areMissing(pool))) return
  await inTransaction(pool, async (tx) => {
    // Two first starts at once: the second waits, and finds it done.
    await tx.query(`select pg_advisory_xact_lock(hashtext('welcome_mail'))`)
    if (await areMissing(tx)) await tx.query(TABLES)
  })
}

async function areMissing(on: pg.Pool | pg.PoolClient): Promise<boolean> {
  const { rows } = await on.query(`select from pg_namespace where nspname = 'welcome_mail'`)
  return rows.length === 0
}
