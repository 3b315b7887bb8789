import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describeDatabase, useTestDatabase } from '@pgmq/test-database'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, until } from './support/app.js'

describeDatabase('the welcome mail app', () => {
  const database = useTestDatabase()
  let folder = ''
  let pool: pg.Pool
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'welcome-'))
    pool = new pg.Pool({ connectionString: database.url })
    pool.on('error', () => undefined)
  })
  afterAll(async () => {
    await pool.end()
    await rm(folder, { recursive: true, force: true })
  })

  const write = async (name: string, text: string): Promise<string> => {
    const file = path.join(folder, name)
    await writeFile(file, text)
    return file
  }
  const csv = (count: number, name: string): Promise<string> =>
    write(
      name,
      ['id,name,email', ...Array.from({ length: count }, (_, i) => `${i},User ${i},${name}-${i}@example.com`)].join(
        '\n',
      ),
    )
  const count = async (table: string): Promise<number> => {
    const { rows } = await pool.query<{ n: string }>(`select count(*) n from pgmq.${table}`)
    return Number(rows[0]?.n)
  }
  /** A database of another kind beside the test's own. */
  const besides = async (name: string, statement: string): Promise<string> => {
    await pool.query(statement)
    const url = new URL(database.url)
    url.pathname = `/${name}`
    return url.href
  }

  it('accounts for every row of a file of users, and says which rows are bad', async () => {
    const file = await write(
      'users.csv',
      'id,name,email\n1,Ada,ada@example.com\n2,Nobody,\n3,Grace,grace@example.com\n',
    )
    const { code, output } = await startApp([file], { DATABASE_URL: database.url }).ended
    expect(output).toContain('email is missing')
    expect(output).toMatch(/Bad rows\s+│\s+1/)
    expect(output).toMatch(/Not accounted for\s+│\s+0/)
    expect(code).toBe(0)
  })

  it('reads JSON Lines', async () => {
    const file = await write('users.jsonl', '{"name":"Ada","email":"ada@example.org"}\n{"name":\n')
    const { code, output } = await startApp([file], { DATABASE_URL: database.url }).ended
    expect(output).toMatch(/Rows\s+│\s+2/)
    expect(output).toMatch(/Bad rows\s+│\s+1/)
    expect(code).toBe(0)
  })

  it('goes on after SIGKILL where it was, loses nobody, and repeats only what was in flight', async () => {
    const file = await csv(400, 'killed')
    const env = { DATABASE_URL: database.url, PGMQ_VISIBILITY_TIMEOUT: '2', PGMQ_QUEUE_PREFIX: 'killed' }
    const first = startApp([file, '--concurrency', '8'], env)
    await until('some delivered', async () => (await count('a_killed_user_tasks').catch(() => 0)) > 50)
    first.signal('SIGKILL')
    await first.ended
    const { code, output } = await startApp([file, '--concurrency', '8'], env).ended
    expect(output).toMatch(/Not accounted for\s+│\s+0/)
    expect(code).toBe(0)
    const [archived, dead] = [await count('a_killed_user_tasks'), await count('q_killed_user_tasks_dlq')]
    expect(archived + dead).toBe(400)
    expect(await count('q_killed_user_tasks')).toBe(0)
  }, 90_000)

  it('ends within the grace at SIGTERM, gives back what had not started, and says how to go on', async () => {
    const file = await csv(400, 'stopped')
    const env = { DATABASE_URL: database.url, PGMQ_QUEUE_PREFIX: 'stopped' }
    const app = startApp([file, '--concurrency', '4', '--grace', '5'], env)
    await until('some delivered', async () => (await count('a_stopped_user_tasks').catch(() => 0)) > 20)
    app.signal('SIGTERM')
    const { code } = await app.ended
    expect(code).not.toBe(0)
    const { rows } = await pool.query<{ leased: string }>(
      'select count(*) leased from pgmq.q_stopped_user_tasks where last_read_at is not null',
    )
    expect(rows[0]?.leased).toBe('0')
    const again = await startApp([file], env).ended
    expect(again.code).toBe(0)
  }, 90_000)

  it('handles with --watch what plain SQL puts into the queue', async () => {
    const env = { DATABASE_URL: database.url, PGMQ_QUEUE_PREFIX: 'watched' }
    const app = startApp(['--watch'], env)
    await until('the queue', async () => (await count('q_watched_user_tasks').catch(() => -1)) === 0)
    await pool.query(
      `select pgmq.send('watched_user_tasks', '{"task":"send_welcome_email","email":"ada@example.com","username":"Ada"}')`,
    )
    await until(
      'an end',
      async () => (await count('a_watched_user_tasks')) + (await count('q_watched_user_tasks_dlq')) === 1,
    )
    app.signal('SIGTERM')
    expect((await app.ended).code).toBe(0)
    expect(await count('a_watched_user_tasks')).toBe(1)
  })

  describe('says in one message what stands in its way:', () => {
    it('a file that is not there', async () => {
      const { code, output } = await startApp(['nobody.csv'], { DATABASE_URL: database.url }).ended
      expect(output).toContain('nobody.csv')
      expect(output.trim().split('\n')).toHaveLength(1)
      expect(code).toBe(1)
    })

    it('a server that does not answer, without telling the password', async () => {
      const { code, output } = await startApp([], { DATABASE_URL: 'postgres://app:s3cret@127.0.0.1:1/app' }).ended
      expect(output).toContain('cannot reach PostgreSQL at 127.0.0.1:1: connection refused')
      expect(output).not.toContain('s3cret')
      expect(code).toBe(1)
    })

    it('a database without pgmq', async () => {
      const name = `${database.name}_bare`
      const url = await besides(name, `create database "${name}" template template0`)
      try {
        const { code, output } = await startApp([], { DATABASE_URL: url }).ended
        expect(output).toMatch(/create extension pgmq/i)
        expect(code).toBe(1)
      } finally {
        await pool.query(`drop database "${name}" with (force)`)
      }
    })

    it('a role that may not create', async () => {
      const role = `${database.name}_role`
      await pool.query(`create role "${role}" login`)
      const url = new URL(database.url)
      url.username = role
      try {
        const { code, output } = await startApp([], { DATABASE_URL: url.href }).ended
        expect(output).toMatch(/grant /i)
        expect(code).toBe(1)
      } finally {
        await pool.query(`drop role "${role}"`)
      }
    })
  })
})
