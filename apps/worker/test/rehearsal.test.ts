import { countOf, describeDatabase, useTestDatabase } from '@pgmq/test-database'
import { expect, it } from 'vitest'
import { addressOf, writeCsv } from './support/files.js'
import { cell, runApp, startApp } from './support/run-app.js'
import { startTestSmtp } from './support/smtp.js'
import { until } from './support/until.js'

describeDatabase('a rehearsal, whose mails are caught', () => {
  const database = useTestDatabase()
  const env = (smtpUrl?: string) => ({
    DATABASE_URL: database.url,
    ...(smtpUrl !== undefined && { SMTP_URL: smtpUrl }),
  })

  /** Starts one and stops it while jobs are left. */
  async function interruptedRehearsal(file: string): Promise<void> {
    const before = await rehearsed()
    const app = startApp({ args: [file, '--concurrency', '1'], env: env() })
    await until(async () => (await rehearsed()) > before)
    app.kill('SIGTERM')
    expect(await app.ended).toBe(1)
    expect(await countOf(database.url, 'pgmq.q_user_tasks_rehearsal')).toBeGreaterThan(0)
  }
  const rehearsed = () =>
    countOf(database.url, 'pg_tables', `tablename = 'a_user_tasks_rehearsal'`).then((there) =>
      there > 0 ? countOf(database.url, 'pgmq.a_user_tasks_rehearsal') : 0,
    )

  it('that was interrupted does not count when the mails go out', async () => {
    const smtp = await startTestSmtp()
    const file = await writeCsv(300)
    await interruptedRehearsal(file)

    const real = await runApp({ args: [file], env: env(smtp.url) })
    expect(real.exitCode).toBe(0)
    expect(smtp.delivered.size).toBe(300)
    const again = await runApp({ args: [file], env: env(smtp.url) })
    expect(again.stdout).toContain('Nothing to do')
    expect([...smtp.delivered.values()].every((mails) => mails === 1)).toBe(true)
  })

  it('leaves nothing that goes out with another file', async () => {
    const smtp = await startTestSmtp()
    await interruptedRehearsal(await writeCsv(301))
    const { exitCode } = await runApp({ args: [await writeCsv(2)], env: env(smtp.url) })
    expect(exitCode).toBe(0)
    expect([...smtp.delivered.keys()].sort()).toEqual([addressOf(1), addressOf(2)])
  })

  it('catches none of the mails that a stopped run left', async () => {
    const smtp = await startTestSmtp({ holdAfter: 10 })
    const file = await writeCsv(40)
    const app = startApp({ args: [file, '--concurrency', '2'], env: env(smtp.url) })
    await until(() => smtp.held.length === 2)
    app.kill('SIGTERM')
    smtp.letGo()
    expect(await app.ended).toBe(1)

    const rehearsal = await runApp({ args: [file], env: env() })
    expect(cell(rehearsal.stdout, 'Rows')).toBe('40')
    expect((await runApp({ args: [file], env: env(smtp.url) })).exitCode).toBe(0)
    expect(smtp.delivered.size).toBe(40)
    expect([...smtp.delivered.values()].every((mails) => mails === 1)).toBe(true)
  })

  it('names its queue, also with a prefix', async () => {
    const app = startApp({ args: ['--watch', '--queue-prefix', 'unison'], env: env() })
    await app.says('Waiting for jobs in queue unison_user_tasks_rehearsal;')
    expect(app.stdout()).toContain('It is a rehearsal, on a queue of its own: unison_user_tasks_rehearsal')
    app.kill('SIGTERM')
    expect(await app.ended).toBe(0)
  })
})
