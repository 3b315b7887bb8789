import { Client } from 'pg'

/** A transaction that has written, and stays open until it is disposed of. */
export async function hold(url: string): Promise<AsyncDisposable> {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query('begin')
  await client.query('select pg_current_xact_id()')
  return { [Symbol.asyncDispose]: () => client.end() }
}
