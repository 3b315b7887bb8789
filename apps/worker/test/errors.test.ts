import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { countOf, describeDatabase, query, useTestDatabase } from '@pgmq/test-database'
import { afterAll, describe, expect, it } from 'vitest'
import { makeDirectory, writeCsv, writeUsers } from './support/files.js'
import { startRefusingPostgres, startSilentPostgres } from './support/refusing-postgres.js'
import { cell, runApp, type Started, startApp } from './support/run-app.js'
import { until } from './support/until.js'

/** One line on stderr, and no stack. */
async function errorOf(options: Started): Promise<string> {
  const { exitCode, stderr } = await runApp(options)
  expect(exitCode).toBe(1)
  expect(stderr.trimEnd().split('\n'), stderr).toHaveLength(1)
  expect(stderr).not.toContain('s3cret')
  return stderr.trimEnd()
}

/** So long the app waits for a server by itself. */
const CONNECTION_TIMEOUT_MS = 10_000

const NOWHERE = 'postgres://ada:s3cret@127.0.0.1:1/app'

describe('what cannot work ends with one message and its remedy', () => {
  it('a file that is not there', async () => {
    expect(await errorOf({ args: ['none.csv'], env: { DATABASE_URL: NOWHERE } })).toBe(
      'error: cannot read users file none.csv: there is no such file. Give the path of a CSV or JSON Lines file, or none for the sample',
    )
  })

  it('a file without columns for address and name', async () => {
    const file = await writeUsers('users.csv', ['Ada,ada@example.com'])
    expect(await errorOf({ args: [file], env: { DATABASE_URL: NOWHERE } })).toMatch(
      /no column "email".*such as: id,name,email/,
    )
  })

  it('a server that does not answer', async () => {
    expect(await errorOf({ env: { DATABASE_URL: NOWHERE } })).toMatch(
      /^error: cannot reach PostgreSQL at 127\.0\.0\.1:1: connection refused\. Check DATABASE_URL/,
    )
    expect(await errorOf({ env: { POSTGRES_SERVER: 'nowhere.invalid' } })).toMatch(
      /cannot reach PostgreSQL at nowhere\.invalid:5432: there is no such host/,
    )
  })

  it('a certificate that is not there', async () => {
    expect(await errorOf({ env: { DATABASE_URL: `${NOWHERE}?sslrootcert=/nope` } })).toMatch(
      /^error: DATABASE_URL cannot be used: .*\/nope.*\. Check the files that its sslrootcert, sslcert and sslkey name$/,
    )
  })

  it('a wrong password', async () => {
    const { port } = await startRefusingPostgres('28P01', 'password authentication failed for user "ada"')
    expect(await errorOf({ env: { DATABASE_URL: `postgres://ada:s3cret@127.0.0.1:${port}/app` } })).toBe(
      `error: wrong password for user "ada" of PostgreSQL at 127.0.0.1:${port}. Check it in DATABASE_URL, or POSTGRES_PASSWORD`,
    )
  })

  it('a database that is not there', async () => {
    const { port } = await startRefusingPostgres('3D000', 'database "app" does not exist')
    expect(
      await errorOf({ env: { POSTGRES_SERVER: '127.0.0.1', POSTGRES_PORT: String(port), POSTGRES_DB: 'app' } }),
    ).toMatch(/there is no database "app" .*createdb app/)
  })

  it('a URL that is none', async () => {
    expect(await errorOf({ env: { DATABASE_URL: 'mysql://ada:s3cret@127.0.0.1/app' } })).toMatch(
      /^error: DATABASE_URL is none: give one such as postgres:/,
    )
    expect(await errorOf({ env: { SMTP_URL: 'ada:s3cret@127.0.0.1' } })).toMatch(/^error: SMTP_URL is none: give one/)
    expect(await errorOf({ env: { MAIL_FROM: 'nobody' } })).toMatch(/^error: MAIL_FROM "nobody" is no address/)
    expect(await errorOf({ env: { POSTGRES_PORT: 'x' } })).toMatch(/^error: POSTGRES_PORT "x" is no port/)
  })

  it('a data directory that holds something else, or cannot be made', async () => {
    const directory = await makeDirectory()
    const file = path.join(directory, 'letters.txt')
    await writeFile(file, 'mine')
    expect(await errorOf({ args: ['--data-dir', directory] })).toMatch(
      /^error: cannot start PostgreSQL: .* is not empty and holds no PostgreSQL data\. Choose a new or an empty directory\. \(--data-dir names/,
    )
    expect(await errorOf({ args: ['--data-dir', path.join(file, 'data')] })).toMatch(
      /^error: cannot start PostgreSQL: .*letters\.txt is no directory\. Choose another directory\. \(--data-dir names the directory; with DATABASE_URL/,
    )
  })

  it.each([
    [['--concurrency', '0'], {}, /'--concurrency <number>' argument '0' is invalid\. Give a whole number from 1/],
    [[], { PGMQ_RETRY_COUNT: 'many' }, /value 'many' from env 'PGMQ_RETRY_COUNT' is invalid/],
    [[], { PGMQ_VISIBILITY_TIMEOUT: '0.5' }, /from env 'PGMQ_VISIBILITY_TIMEOUT' is invalid/],
    [[], { PGMQ_QUEUE_PREFIX: 'Uni-son' }, /from env 'PGMQ_QUEUE_PREFIX' is invalid\. Use lower case letters/],
    [['--log-level', 'loud'], {}, /Allowed choices are debug, info, warn, error, silent/],
    [['a.csv', 'b.csv'], {}, /too many arguments/],
    [['--frob'], {}, /unknown option '--frob'/],
  ])('%j with %j', async (args, env, message) => {
    const { exitCode, stderr } = await runApp({ args, env })
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(message)
    expect(stderr).toContain('--help tells more')
  })

  it('ends soon when it is told to stop while a server does not answer', async () => {
    const silent = await startSilentPostgres()
    const app = startApp({ env: { DATABASE_URL: `postgres://ada@127.0.0.1:${silent.port}/app` } })
    await until(() => silent.clients.size > 0)
    const toldMs = performance.now()
    app.kill('SIGTERM')
    expect(await app.ended).toBe(1)
    expect(app.stdout()).toContain('Told to stop before anything had begun.')
    expect(performance.now() - toldMs).toBeLessThan(CONNECTION_TIMEOUT_MS)
  })

  it('shows the stack with DEBUG alone', async () => {
    const { stderr } = await runApp({ args: ['none.csv'], env: { DEBUG: '1' } })
    expect(stderr).toContain('    at ')
  })
})

describeDatabase('a server that lacks something', () => {
  const database = useTestDatabase()
  const name = `pgmq_bare_${randomBytes(6).toString('hex')}`
  const urlAs = (role: string | undefined, databaseName?: string): string => {
    const url = new URL(database.url)
    if (role) [url.username, url.password] = [role, 's3cret']
    if (databaseName) url.pathname = databaseName
    return url.href
  }
  afterAll(async () => {
    if (process.env.SKIP_INTEGRATION_TESTS === 'true') return
    await query(database.url, `drop database if exists ${name} with (force)`)
    await query(database.url, `drop owned by ${name} cascade; drop role ${name}`)
  })

  it('a database without pgmq', async () => {
    await query(database.url, `create database ${name} template template0`)
    expect(await errorOf({ env: { DATABASE_URL: urlAs(undefined, name) } })).toBe(
      `error: pgmq is not installed in database "${name}". As a superuser: psql -d ${name} -c 'create extension pgmq'`,
    )
  })

  async function remedyFor(options: Started): Promise<string> {
    const error = await errorOf(options)
    const remedy = /^error: role \w+ lacks rights in database .* As a superuser: (grant .*;)$/.exec(error)?.[1]
    expect(remedy, error).toBeDefined()
    return remedy as string
  }

  it('a role that may not create: the remedy is all that it takes', async () => {
    await query(database.url, `create role ${name} login password 's3cret'`)
    const options = { args: [await writeCsv(3)], env: { DATABASE_URL: urlAs(name) } }
    await query(database.url, await remedyFor(options))
    const { exitCode, stdout, stderr } = await runApp(options)
    expect(stderr).toBe('')
    expect(exitCode).toBe(0)
    expect(cell(stdout, 'Mails delivered')).toBe('3')
  })

  it('a role that may not work on a queue of others: the same', async () => {
    const env = { PGMQ_QUEUE_PREFIX: 'others' }
    await runApp({ args: [await writeCsv(1)], env: { ...env, DATABASE_URL: database.url } })
    const options = { args: [await writeCsv(4)], env: { ...env, DATABASE_URL: urlAs(name) } }
    const tables = ['q', 'a', 'q'].map(
      (kind, i) => `pgmq."${kind}_others_user_tasks_rehearsal${i === 2 ? '_dlq' : ''}"`,
    )
    expect(await remedyFor(options)).toBe(`grant select, insert, update, delete on ${tables.join(', ')} to ${name};`)
    await query(database.url, await remedyFor(options))
    expect((await runApp(options)).exitCode).toBe(0)
  })

  it('leaves nothing behind where it could not begin', async () => {
    const file = await writeCsv(3)
    await errorOf({ args: [file], env: { DATABASE_URL: database.url, SMTP_URL: 'smtp://127.0.0.1:1' } })
    expect(await countOf(database.url, 'welcome_mail.imports', `file_name = '${file}'`)).toBe(0)
  })
})
