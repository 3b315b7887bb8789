import type pg from 'pg'
import { Failure } from '../failure.js'

interface Rights {
  readonly role: string
  readonly database: string
  readonly installed: boolean
  /** Our own tables are there, or may be made. */
  readonly hasTables: boolean
  readonly mayMakeTables: boolean
  readonly mayUseTables: boolean
  /** The queue and its dead-letter queue are there, or may be made. */
  readonly hasQueue: boolean
  readonly mayMakeQueue: boolean
  readonly mayUseQueue: boolean
  readonly mayUsePgmq: boolean
}

/** By catalog and `oid`: by name, PostgreSQL refuses even the question to whom may not use the schema. */
const LOOK = `
with n as (select oid from pg_namespace where nspname = 'pgmq'),
  w as (select oid from pg_namespace where nspname = 'welcome_mail'),
  q as (select oid from pg_class where relnamespace = (select oid from n) and relname = any($1::text[])),
  t as (select oid from pg_class where relnamespace = (select oid from w) and relkind = 'r'),
  meta as (select oid from pg_class where relnamespace = (select oid from n) and relname = 'meta')
select quote_ident(current_user) as role, current_database()::text as database,
  exists (select from n) as installed,
  exists (select from w) as "hasTables",
  has_database_privilege(current_database(), 'create') as "mayMakeTables",
  coalesce((select has_schema_privilege(oid, 'usage') from w), false) and not exists (
    select from t where not (has_table_privilege(oid, 'select') and has_table_privilege(oid, 'insert')
      and has_table_privilege(oid, 'update'))) as "mayUseTables",
  (select count(*) from q) = cardinality($1::text[]) as "hasQueue",
  coalesce((select has_schema_privilege(oid, 'create') from n), false)
    and coalesce((select has_table_privilege(oid, 'select') and has_table_privilege(oid, 'insert') from meta), false)
    as "mayMakeQueue",
  not exists (select from q where not (has_table_privilege(oid, 'select') and has_table_privilege(oid, 'insert')
    and has_table_privilege(oid, 'update') and has_table_privilege(oid, 'delete'))) as "mayUseQueue",
  coalesce((select has_schema_privilege(oid, 'usage') from n), false) as "mayUsePgmq"`

/**
 * Asks beforehand for all that a run will need, so that one message has the whole remedy.
 *
 * @throws Failure when pgmq is missing, or the role lacks a right
 */
export async function requireRights(pool: pg.Pool, queue: string): Promise<void> {
  const tables = [`q_${queue}`, `a_${queue}`, `q_${queue}_dlq`]
  const { rows } = await pool.query<Rights>(LOOK, [tables])
  const rights = rows[0] as Rights
  if (!rights.installed) {
    throw new Failure(
      `pgmq is not installed in database "${rights.database}". As a superuser: psql -d ${rights.database} -c 'create extension pgmq'`,
    )
  }
  const grants = grantsFor(rights, tables)
  if (grants.length === 0) return
  const statements = grants.map((grant) => `${grant} to ${rights.role};`).join(' ')
  throw new Failure(
    `role ${rights.role} lacks rights in database "${rights.database}" that the queue and this app need. As a superuser: ${statements}`,
  )
}

function grantsFor(rights: Rights, tables: readonly string[]): string[] {
  const grants: string[] = []
  if (!rights.hasTables && !rights.mayMakeTables) grants.push(`grant create on database ${quoted(rights.database)}`)
  if (rights.hasTables && !rights.mayUseTables) {
    grants.push(
      'grant usage on schema welcome_mail',
      'grant select, insert, update on all tables in schema welcome_mail',
    )
  }
  if (!rights.hasQueue && !rights.mayMakeQueue) {
    grants.push('grant usage, create on schema pgmq', 'grant select, insert on pgmq.meta')
  } else if (!rights.mayUsePgmq) grants.push('grant usage on schema pgmq')
  if (!rights.mayUseQueue) {
    grants.push(`grant select, insert, update, delete on ${tables.map((name) => `pgmq.${quoted(name)}`).join(', ')}`)
  }
  return grants
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
