import pg from 'pg'
import { onTestFinished } from 'vitest'
import type { Harness } from './harness.js'

/** A connection beside the suite's pool, ended with the test. */
export async function connect({ url }: Pick<Harness, 'url'>, options: pg.ClientConfig = {}): Promise<pg.Client> {
  const connection = new pg.Client({ connectionString: url, ...options })
  connection.on('error', () => undefined)
  await connection.connect()
  onTestFinished(() => connection.end().catch(() => undefined))
  return connection
}

/** A connection inside a transaction, which is rolled back with the test at the latest. */
export async function begin(h: Pick<Harness, 'url'>, statement = 'begin'): Promise<pg.Client> {
  const connection = await connect(h)
  await connection.query(statement)
  return connection
}

export interface Heard {
  readonly payloads: readonly string[]
  /** Calls back for each that arrives. */
  on(listener: () => unknown): void
}

/** What arrives on a channel, from now on. */
export async function listen(h: Pick<Harness, 'url'>, channel: string): Promise<Heard> {
  const connection = await connect(h)
  const payloads: string[] = []
  connection.on('notification', ({ payload = '' }) => payloads.push(payload))
  await connection.query(`listen ${pg.escapeIdentifier(channel)}`)
  return { payloads, on: (listener) => void connection.on('notification', listener) }
}
