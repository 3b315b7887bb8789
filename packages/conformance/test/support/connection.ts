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

/** What arrives on a channel, from now on. */
export async function listen(h: Pick<Harness, 'url'>, channel: string): Promise<readonly pg.Notification[]> {
  const connection = await connect(h)
  const heard: pg.Notification[] = []
  connection.on('notification', (notification) => heard.push(notification))
  await connection.query(`listen ${pg.escapeIdentifier(channel)}`)
  return heard
}
