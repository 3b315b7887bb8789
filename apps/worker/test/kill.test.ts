import { countOf, describeDatabase, query, useTestDatabase } from '@pgmq/test-database'
import { expect, it } from 'vitest'
import { addressOf, writeCsv } from './support/files.js'
import { cell, runApp, startApp } from './support/run-app.js'
import { startTestSmtp } from './support/smtp.js'
import { until } from './support/until.js'

const CONCURRENCY = 4

describeDatabase('a run that is killed, or not alone', () => {
  const database = useTestDatabase()

  it('is taken up by the next: every user is handled, and only mails on their way go out twice', async () => {
    const smtp = await startTestSmtp({ holdAfter: 20 })
    const args = [await writeCsv(60, '61,No Address,'), '--concurrency', String(CONCURRENCY), '--visibility', '6']
    const env = { DATABASE_URL: database.url, SMTP_URL: smtp.url }
    const first = startApp({ args, env })
    await until(() => smtp.held.length === CONCURRENCY)
    // What was answered is committed before a slot takes its next mail, so just those that are held are in doubt.
    const inFlight = [...smtp.held]
    first.kill('SIGKILL')
    expect(await first.ended).toBe('SIGKILL')
    smtp.letGo()

    const { exitCode, stdout, stderr } = await runApp({ args, env })
    expect(stderr).toBe('')
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/Import 1 of .* goes on: 61 rows recorded, \d+ mails delivered before/)
    expect(stdout).toMatch(/\d+ jobs are still leased by a worker that ended, or runs elsewhere: back in .* s at most/)
    const told = ['Rows', 'Mails delivered', 'Dead letters', 'Bad rows', 'Not accounted for']
    expect(told.map((name) => cell(stdout, name))).toEqual(['61', '60', '0', '1', '0'])

    expect(smtp.delivered.size).toBe(60)
    const twice = [...smtp.delivered].filter(([, mails]) => mails > 1).map(([address]) => address)
    expect(inFlight).toEqual(expect.arrayContaining(twice))
    expect(await countOf(database.url, 'pgmq.a_user_tasks')).toBe(60)
    expect(await countOf(database.url, 'pgmq.q_user_tasks')).toBe(0)
  })

  it('while it reads the file has every row once, however often that happens', async () => {
    const users = 1_500
    const smtp = await startTestSmtp({ holdAfter: 0 })
    const args = [await writeCsv(users), '--batch', '5', '--concurrency', '1', '--visibility', '1']
    const env = { DATABASE_URL: database.url, SMTP_URL: smtp.url, PGMQ_QUEUE_PREFIX: 'reading' }
    const recorded = () =>
      countOf(
        database.url,
        'welcome_mail.rows',
        `import_id = (select max(id) from welcome_mail.imports where queue = 'reading_user_tasks')`,
      )
    for (const rows of [200, 700]) {
      const app = startApp({ args, env })
      await until(async () => (await recorded()) >= rows)
      app.kill('SIGKILL')
      await app.ended
      expect(await recorded()).toBeLessThan(users)
      expect(await countOf(database.url, 'pgmq.q_reading_user_tasks')).toBe(await recorded())
    }
    smtp.letGo()
    const { exitCode, stdout } = await runApp({ args: [...args, '--concurrency', '16'], env })
    expect(exitCode).toBe(0)
    expect(cell(stdout, 'Mails delivered')).toBe('1,500')
    const [lines] = await query(
      database.url,
      `select count(*) jobs, count(distinct headers->>'x-import-line') lines from pgmq.a_reading_user_tasks`,
    )
    expect(lines).toEqual({ jobs: String(users), lines: String(users) })
  })

  it('shares the work with another run of the same file', async () => {
    const smtp = await startTestSmtp({ holdAfter: 0 })
    const args = [await writeCsv(400), '--batch', '10', '--concurrency', '4']
    const env = { DATABASE_URL: database.url, SMTP_URL: smtp.url, PGMQ_QUEUE_PREFIX: 'both' }
    const both = [startApp({ args, env }), startApp({ args, env })]
    await until(() => smtp.held.length === 8)
    smtp.letGo()
    expect(await Promise.all(both.map(({ ended }) => ended))).toEqual([0, 0])
    expect(both.map((app) => cell(app.stdout(), 'Mails delivered'))).toEqual(['400', '400'])
    expect(smtp.delivered.size).toBe(400)
    expect([...smtp.delivered.values()].every((mails) => mails === 1)).toBe(true)
  })
})

describeDatabase('a run whose connections are cut', () => {
  const database = useTestDatabase()

  it('goes on, and sends nothing twice', async () => {
    const smtp = await startTestSmtp()
    const args = [await writeCsv(400), '--batch', '20', '--concurrency', '4']
    const app = startApp({ args, env: { DATABASE_URL: database.url, SMTP_URL: smtp.url } })
    for (const mails of [50, 150, 300]) {
      await until(() => smtp.delivered.size >= mails)
      const cut = await query(
        database.url,
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()`,
      )
      expect(cut.length).toBeGreaterThan(2)
    }
    expect(await app.ended, app.stderr()).toBe(0)
    expect(cell(app.stdout(), 'Mails delivered')).toBe('400')
    expect([...smtp.delivered.values()].every((mails) => mails === 1)).toBe(true)
    expect(app.stderr()).toContain('lost the connection to PostgreSQL, reconnecting')
    expect(app.stderr()).not.toContain('    at ')
  })
})

describeDatabase('a run that is told to stop', () => {
  const database = useTestDatabase()
  const envOf = (smtp: { readonly url: string }, prefix: string) => ({
    DATABASE_URL: database.url,
    SMTP_URL: smtp.url,
    PGMQ_QUEUE_PREFIX: prefix,
  })
  const visible = (prefix: string) => countOf(database.url, `pgmq.q_${prefix}_user_tasks`, 'vt <= clock_timestamp()')

  it('lets mails on their way end, gives back the others at once, and says how to go on', async () => {
    const smtp = await startTestSmtp({ holdAfter: 10 })
    const args = [await writeCsv(60), '--concurrency', String(CONCURRENCY)]
    const env = envOf(smtp, 'stop')
    const app = startApp({ args, env })
    await until(() => smtp.held.length === CONCURRENCY)
    app.kill('SIGTERM')
    await app.says('SIGTERM: mails on their way get 20 s')
    await until(async () => (await visible('stop')) === 60 - 10 - CONCURRENCY)
    smtp.letGo()
    expect(await app.ended).toBe(1)
    expect(cell(app.stdout(), 'Mails delivered')).toBe('14')
    expect(cell(app.stdout(), 'Not accounted for')).toBe('46')
    expect(app.stdout()).toContain(
      'Not done: 46 of 60 rows are left. Nothing is lost: the same command goes on from here.',
    )

    const second = await runApp({ args, env })
    expect(second.exitCode).toBe(0)
    expect(second.stdout).toContain('14 of them by an earlier run')
    expect(smtp.delivered.size).toBe(60)
    expect([...smtp.delivered.values()].every((mails) => mails === 1)).toBe(true)
  })

  it('cuts off mails that outlast the grace, which is no failure of theirs', async () => {
    const smtp = await startTestSmtp({ holdAfter: 0 })
    const args = [await writeCsv(5), '--concurrency', '2', '--grace', '1']
    const app = startApp({ args, env: envOf(smtp, 'grace') })
    await until(() => smtp.held.length === 2)
    app.kill('SIGINT')
    expect(await app.ended).toBe(1)
    expect(await visible('grace')).toBe(5)
    expect(await countOf(database.url, 'pgmq.q_grace_user_tasks', `headers ? 'x-job-failures'`)).toBe(0)
  })

  it('ends at once on a second signal', async () => {
    const smtp = await startTestSmtp({ holdAfter: 0 })
    const app = startApp({ args: [await writeCsv(5)], env: envOf(smtp, 'twice') })
    await until(() => smtp.held.length === 5)
    app.kill('SIGTERM')
    await app.says('a second signal ends it at once')
    app.kill('SIGTERM')
    expect(await app.ended).toBe(143)
  })
})

describeDatabase('a worker that is kept', () => {
  const database = useTestDatabase()
  const env = (smtp: { readonly url: string }) => ({ DATABASE_URL: database.url, SMTP_URL: smtp.url })

  it('takes a job that somebody sends with plain SQL', async () => {
    const smtp = await startTestSmtp()
    const app = startApp({ args: ['--watch'], env: env(smtp) })
    await app.says('Waiting for jobs in queue user_tasks')
    await query(
      database.url,
      `select pgmq.send('user_tasks', '{"task":"send_welcome_email","email":"ada@example.com","username":"Ada"}')`,
    )
    await until(async () => (await countOf(database.url, 'pgmq.a_user_tasks')) === 1)
    expect(Object.fromEntries(smtp.delivered)).toEqual({ 'ada@example.com': 1 })
    app.kill('SIGTERM')
    expect(await app.ended).toBe(0)
    expect(app.stdout()).toContain('Stopped: 1 mail delivered, 0 retries, 0 dead letters')
  })

  it('sends to a file first where one is named, and then waits', async () => {
    const smtp = await startTestSmtp()
    const app = startApp({ args: [await writeCsv(3), '--watch'], env: env(smtp) })
    await app.says('Waiting for jobs in queue user_tasks')
    expect(cell(app.stdout(), 'Mails delivered')).toBe('3')
    await query(
      database.url,
      `select pgmq.send('user_tasks', jsonb_build_object('task', 'send_welcome_email', 'email', $1::text, 'username', 'Late'))`,
      [addressOf(99)],
    )
    await until(() => smtp.delivered.has(addressOf(99)))
    app.kill('SIGINT')
    expect(await app.ended).toBe(0)
    expect(app.stdout()).toContain('Stopped: 4 mails delivered')
  })

  it('fails when it is stopped before its file was done', async () => {
    const smtp = await startTestSmtp({ holdAfter: 0 })
    const app = startApp({ args: [await writeCsv(4), '--watch', '--grace', '0'], env: env(smtp) })
    await until(() => smtp.held.length === 4)
    app.kill('SIGTERM')
    expect(await app.ended).toBe(1)
    expect(app.stdout()).toContain('Not done: 4 of 4 rows are left.')
  })

  it('logs a job that is no welcome mail as a dead letter', async () => {
    const smtp = await startTestSmtp()
    const app = startApp({ args: ['--watch'], env: env(smtp) })
    await app.says('Waiting for jobs in queue user_tasks')
    await query(database.url, `select pgmq.send('user_tasks', '{"task":"send_welcome_email","email":"nobody"}')`)
    await until(async () => (await countOf(database.url, 'pgmq.q_user_tasks_dlq')) === 1)
    app.kill('SIGTERM')
    expect(await app.ended).toBe(0)
    expect(app.stderr()).toMatch(/"msg":"Message \d+ failed after 0 retries: /)
  })
})
