import { countOf, describeDatabase, query, useTestDatabase } from '@pgmq/test-database'
import { describe, expect, it } from 'vitest'
import { addressOf, writeCsv, writeUsers } from './support/files.js'
import { cell, runApp } from './support/run-app.js'
import { startTestSmtp } from './support/smtp.js'
import { until } from './support/until.js'

const GONE = { code: 550, text: '5.1.1 No such user' }
const LATER = { code: 451, text: '4.7.1 Try again later' }

describeDatabase('a run', () => {
  const database = useTestDatabase()
  const env = (more: Record<string, string> = {}) => ({ DATABASE_URL: database.url, ...more })

  it('delivers to every user, and accounts for every row', async () => {
    const smtp = await startTestSmtp({
      refusal: (address, earlier) => {
        if (address === addressOf(7)) return GONE
        if (address === addressOf(8)) return { code: 452, text: '4.2.2 Mailbox full' }
        return address === addressOf(9) && earlier < 2 ? LATER : undefined
      },
    })
    const file = await writeCsv(50, '51,No Address,', '52,Too Few')
    const { exitCode, stdout, stderr } = await runApp({ args: [file], env: env({ SMTP_URL: smtp.url }) })
    expect(stderr).toBe('')
    expect(exitCode).toBe(0)
    const told = ['Rows', 'Mails delivered', 'Dead letters', 'Bad rows', 'Not accounted for', 'Retries']
    expect(told.map((name) => cell(stdout, name))).toEqual(['52', '48', '2', '2', '0', '5'])
    expect(stdout).toContain('Every row of')
    expect(stdout).toMatch(/│ +1 │ permanent +│ 550 5\.1\.1 No such user +│ user7@example\.com/)
    expect(stdout).toMatch(/│ +1 │ retries_exhausted +│ 452 4\.2\.2 Mailbox full +│ user8@example\.com/)
    expect(stdout).toMatch(/│ +52 │ email is missing/)
    expect(stdout).toMatch(/│ +53 │ 2 columns instead of 3/)

    expect(smtp.delivered.size).toBe(48)
    expect([...smtp.delivered.values()].every((mails) => mails === 1)).toBe(true)
    expect(await countOf(database.url, 'pgmq.q_user_tasks')).toBe(0)
    expect(await countOf(database.url, 'pgmq.a_user_tasks')).toBe(48)
    expect(await countOf(database.url, 'pgmq.q_user_tasks_dlq')).toBe(2)
    expect(await countOf(database.url, 'welcome_mail.rows', 'delivered_at is not null')).toBe(48)
  })

  it('counts a single address as one', async () => {
    const { stdout } = await runApp({ args: [await writeCsv(1)], env: env() })
    expect(stdout).toContain('for 1 address ')
  })

  it('writes nothing of a file name to a terminal that moves its cursor', async () => {
    const name = 'users\u001b[2J.csv'
    const { exitCode, stdout } = await runApp({
      args: [await writeUsers(name, ['name,email', 'Ada,a@example.com'])],
      env: env(),
    })
    expect(exitCode).toBe(0)
    expect(stdout).not.toContain('\u001b')
  })

  it('reads JSON Lines', async () => {
    const smtp = await startTestSmtp()
    const file = await writeUsers('users.jsonl', [
      '{"name":"Ελένη","email":"eleni@example.com"}',
      '{"username":"高橋","email":"takahashi@example.com"}',
      'nonsense',
    ])
    const { exitCode, stdout } = await runApp({ args: [file], env: env({ SMTP_URL: smtp.url }) })
    expect(exitCode).toBe(0)
    expect(cell(stdout, 'Mails delivered')).toBe('2')
    expect(stdout).toMatch(/│ +3 │ no JSON/)
    expect([...smtp.delivered.keys()].sort()).toEqual(['eleni@example.com', 'takahashi@example.com'])
  })

  it('does not send twice what really went out, unless told so', async () => {
    const smtp = await startTestSmtp()
    const file = await writeCsv(3)
    const run = (...args: string[]) => runApp({ args: [file, ...args], env: env({ SMTP_URL: smtp.url }) })
    expect((await run()).exitCode).toBe(0)
    const second = await run()
    expect(second.exitCode).toBe(0)
    expect(second.stdout).toMatch(/Nothing to do: the mails to .* went out by 127\.0\.0\.1:\d+, .*--again sends them/)
    expect(smtp.delivered.get(addressOf(1))).toBe(1)
    expect((await run('--again')).exitCode).toBe(0)
    expect(smtp.delivered.get(addressOf(1))).toBe(2)
  })

  it('says so when somebody removed messages, and is done with it then', async () => {
    const smtp = await startTestSmtp({
      refusal: (address) => (address === addressOf(2) ? GONE : undefined),
      holdAfter: 2,
    })
    const file = await writeCsv(4)
    const running = runApp({
      args: [file, '--concurrency', '2'],
      env: env({ SMTP_URL: smtp.url, PGMQ_QUEUE_PREFIX: 'gone' }),
    })
    await until(async () => smtp.held.length > 0 && (await countOf(database.url, 'pgmq.q_gone_user_tasks_dlq')) > 0)
    await query(database.url, 'delete from pgmq.q_gone_user_tasks_dlq')
    smtp.letGo()
    const { exitCode, stdout } = await running
    expect(exitCode).toBe(1)
    expect(cell(stdout, 'Not accounted for')).toBe('1')
    expect(stdout).toContain('1 row is neither delivered nor a dead letter: somebody removed')
  })
})

describeDatabase('settings', () => {
  const database = useTestDatabase()

  it('are taken from the environment', async () => {
    const smtp = await startTestSmtp({ refusal: (address) => (address === addressOf(1) ? LATER : undefined) })
    const { exitCode, stdout } = await runApp({
      args: [await writeCsv(2)],
      env: {
        ...partsOf(database.url),
        SMTP_URL: smtp.url,
        MAIL_FROM: 'Team <team@example.org>',
        PGMQ_QUEUE_PREFIX: 'unison',
        PGMQ_RETRY_COUNT: '1',
        PGMQ_VISIBILITY_TIMEOUT: '5',
      },
    })
    expect(exitCode).toBe(0)
    expect(cell(stdout, 'In queue unison_user_tasks')).toBe('0')
    expect(await query(database.url, `select message->>'retry_count' n from pgmq.q_unison_user_tasks_dlq`)).toEqual([
      { n: '1' },
    ])
  })

  it('write a log when asked to, with a line for each message', async () => {
    const smtp = await startTestSmtp({
      refusal: (address) => (address === addressOf(1) ? LATER : address === addressOf(2) ? GONE : undefined),
    })
    const { stderr } = await runApp({
      args: [await writeCsv(3), '--log-level', 'info', '--retries', '2'],
      env: { DATABASE_URL: database.url, SMTP_URL: smtp.url },
    })
    const lines = stderr.trim().split('\n')
    const messages = lines.map((line) => (JSON.parse(line) as { msg: string }).msg)
    expect(messages).toContainEqual(expect.stringMatching(/^Enqueued message \d+ to queue 'user_tasks'$/))
    expect(messages).toContainEqual(expect.stringMatching(/^Message \d+ failed, retrying \(attempt 1\/2\)$/))
    expect(messages).toContainEqual(expect.stringMatching(/^Message \d+ failed after 2 retries: 451 4\.7\.1 Try again/))
    expect(messages).toContainEqual(expect.stringMatching(/^Message \d+ failed after 0 retries: 550 5\.1\.1 No such/))
    expect(stderr).not.toContain('    at ')
  })
})

function partsOf(url: string): Record<string, string> {
  const { hostname, port, pathname, username, password } = new URL(url)
  return {
    POSTGRES_SERVER: hostname,
    POSTGRES_PORT: port || '5432',
    POSTGRES_DB: pathname.slice(1),
    POSTGRES_USER: decodeURIComponent(username),
    POSTGRES_PASSWORD: decodeURIComponent(password) || 'any',
  }
}

describe('the sample', () => {
  it('is described by the help', async () => {
    const { exitCode, stdout } = await runApp({ args: ['--help'] })
    expect(exitCode).toBe(0)
    expect(stdout).toContain('npm start -- users.csv')
    expect(stdout).toContain('PGMQ_VISIBILITY_TIMEOUT')
  })
})

describeDatabase('the sample of a thousand users', () => {
  const database = useTestDatabase()

  it('is what is sent to when no file is named', async () => {
    const { exitCode, stdout } = await runApp({ env: { DATABASE_URL: database.url } })
    expect(exitCode).toBe(0)
    const told = ['Rows', 'Mails delivered', 'Dead letters', 'Bad rows', 'Not accounted for', 'Retries', 'Mails caught']
    expect(told.map((name) => cell(stdout, name))).toEqual(['1,008', '984', '16', '8', '0', '80', '984'])
  })
})
