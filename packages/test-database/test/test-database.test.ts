import { createTestDatabase, describeDatabase, useTestDatabase } from '@pgmq/test-database'
import pg from 'pg'
import { expect, it } from 'vitest'

async function query(url: string, text: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(text)).rows
  } finally {
    await client.end()
  }
}

describeDatabase('a test database', () => {
  const database = useTestDatabase()

  it('has pgmq and takes messages', async () => {
    await query(database.url, `select pgmq.create('emails')`)
    expect(await query(database.url, `select pgmq.send('emails', '{}') as id`)).toEqual([{ id: '1' }])
  })

  it('is one for all tests of its suite', async () => {
    expect(await query(database.url, 'select queue_name from pgmq.meta')).toEqual([{ queue_name: 'emails' }])
  })

  it('is not shared with others', async () => {
    const other = await createTestDatabase()
    try {
      expect(other.name).not.toBe(database.name)
      expect(await query(other.url, 'select queue_name from pgmq.meta')).toEqual([])
    } finally {
      await other.drop()
    }
  })

  it('can be created many at a time', async () => {
    const databases = await Promise.all(Array.from({ length: 8 }, () => createTestDatabase()))
    expect(new Set(databases.map(({ name }) => name)).size).toBe(8)
    await Promise.all(databases.map((created) => created.drop()))
  })

  it('can be dropped while somebody is connected, and again', async () => {
    const created = await createTestDatabase()
    const client = new pg.Client({ connectionString: created.url })
    client.on('error', () => {})
    await client.connect()

    await created.drop()
    await created.drop()

    const left = await query(database.url, `select 1 from pg_database where datname = '${created.name}'`)
    expect(left).toEqual([])
  })
})

describeDatabase('a test database that is read while tests are being collected', () => {
  const database = useTestDatabase()
  let message = ''
  try {
    void database.url
  } catch (error) {
    message = String(error)
  }

  it('says when it can be read', () => {
    expect(message).toContain('only while tests and their hooks run')
    expect(database.url).toContain(database.name)
  })
})
