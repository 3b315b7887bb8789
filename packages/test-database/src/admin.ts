import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { ProvidedServer } from './provided.js'

const OBJECT_IN_USE = '55006'
const RETRY_FOR_MS = 10_000
const RETRY_INTERVAL_MS = 50

/** The pgmq in every test database: the server's own, unless told otherwise. */
export interface Installation {
  /** By its SQL file alone, so without a row in `pg_extension`. @defaultValue false */
  readonly sqlOnly?: boolean
  /** SQL that makes another version of it, as one batch. */
  readonly reshape?: string | undefined
}

/** Creates the database that the others are copied from. */
export async function createTemplate(url: string, installation: Installation = {}): Promise<ProvidedServer> {
  const template = uniqueName('pgmq_template')
  await withClient(url, (client) => client.query(`create database ${template}`))
  await withClient(urlOf(url, template), (client) => install(client, installation))
  // A copy fails while anybody is connected to the original, be it an inquisitive monitor.
  await withClient(url, (client) => client.query(`alter database ${template} with allow_connections false`))
  return { url, template }
}

/** Copies the template; test files that do so at the same time take turns. */
export async function createCopy({
  url,
  template,
}: ProvidedServer): Promise<{ readonly url: string; readonly name: string }> {
  const name = uniqueName('pgmq_test')
  await withClient(url, (client) => whenFree(() => client.query(`create database ${name} template ${template}`)))
  return { url: urlOf(url, name), name }
}

export async function dropDatabase(url: string, name: string): Promise<void> {
  await withClient(url, (client) => client.query(`drop database if exists ${name} with (force)`))
}

async function install(client: pg.Client, { sqlOnly = false, reshape }: Installation): Promise<void> {
  if (sqlOnly) await client.query(await installScript(client))
  else await client.query('create extension if not exists pgmq')
  if (reshape) await client.query(reshape)
}

/** What `create extension` would run, as the server has it. */
async function installScript(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ script: string }>(
    `select 'create schema if not exists pgmq;' || pg_read_file(c.setting || '/extension/pgmq--' || e.default_version || '.sql') script
     from pg_config c, pg_available_extensions e where c.name = 'SHAREDIR' and e.name = 'pgmq'`,
  )
  if (!rows[0]) throw new Error('this server has no pgmq to install')
  return rows[0].script
}

async function withClient(url: string, use: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await use(client)
  } finally {
    await client.end()
  }
}

async function whenFree(action: () => Promise<unknown>): Promise<void> {
  const deadline = performance.now() + RETRY_FOR_MS
  for (;;) {
    try {
      await action()
      return
    } catch (error) {
      if ((error as { code?: string }).code !== OBJECT_IN_USE || performance.now() > deadline) throw error
      await sleep(RETRY_INTERVAL_MS)
    }
  }
}

function urlOf(url: string, database: string): string {
  const copy = new URL(url)
  copy.pathname = `/${database}`
  return copy.href
}

/** Lower case letters, digits and _, so it needs no quotes in SQL. */
function uniqueName(prefix: string): string {
  return `${prefix}_${randomBytes(6).toString('hex')}`
}
