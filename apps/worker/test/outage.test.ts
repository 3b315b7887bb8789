import { countOf, describeDatabase, useTestDatabase } from '@pgmq/test-database'
import { expect, it } from 'vitest'
import { addressOf, writeCsv } from './support/files.js'
import { cell, runApp, startApp } from './support/run-app.js'
import { startTestSmtp } from './support/smtp.js'
import { startSwitch } from './support/switch.js'
import { until } from './support/until.js'

describeDatabase('a mail server that goes away', () => {
  const database = useTestDatabase()
  const env = (smtpUrl: string) => ({ DATABASE_URL: database.url, SMTP_URL: smtpUrl })

  it('costs no mail a try, and the run goes on when it is back', async () => {
    const smtp = await startTestSmtp({ holdAfter: 10 })
    const way = await startSwitch(smtp.url)
    const app = startApp({ args: [await writeCsv(60), '--retries', '1'], env: env(way.url) })
    await until(() => smtp.held.length > 0)
    await way.cut()
    smtp.letGo()
    await app.says(/the mail server does not answer \(.*\): waiting, asked again in/)
    await way.open()
    expect(await app.ended, app.stderr()).toBe(0)
    expect(cell(app.stdout(), 'Mails delivered')).toBe('60')
    expect(cell(app.stdout(), 'Dead letters')).toBe('0')
    expect(cell(app.stdout(), 'Retries')).toBe('0')
    expect(smtp.delivered.size).toBe(60)
  })

  it('does not hold up a stop', async () => {
    const smtp = await startTestSmtp({ holdAfter: 1 })
    const way = await startSwitch(smtp.url)
    const app = startApp({ args: [await writeCsv(61), '--grace', '3600'], env: env(way.url) })
    await until(() => smtp.held.length > 0)
    await way.cut()
    await app.says('the mail server does not answer')
    app.kill('SIGTERM')
    expect(await app.ended).toBe(1)
    expect(app.stdout()).toContain('Nothing is lost: the same command goes on from here')
    expect(await countOf(database.url, 'pgmq.q_user_tasks_dlq')).toBe(0)
  })
})

describeDatabase('dead letters', () => {
  const database = useTestDatabase()

  it('are told of when all is done, and sent again by --redrive', async () => {
    let gone = true
    const smtp = await startTestSmtp({
      refusal: (address) => (gone && address === addressOf(2) ? { code: 550, text: '5.1.1 No such user' } : undefined),
    })
    const file = await writeCsv(3)
    const run = (...args: string[]) =>
      runApp({ args: [file, ...args], env: { DATABASE_URL: database.url, SMTP_URL: smtp.url } })
    expect((await run('--redrive')).stdout).toContain('Nothing to do: there are no dead letters of')
    expect((await run()).stdout).toContain('is accounted for. 1 dead letter: --redrive sends them again.')
    expect((await run()).stdout).toMatch(/Nothing to do: .*, but for 1 dead letter: --redrive sends them again\./)
    gone = false

    const { exitCode, stdout } = await run('--redrive')

    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/Import 1 of .*: 1 dead letter put back/)
    expect(cell(stdout, 'Mails delivered')).toBe('3')
    expect(cell(stdout, 'Dead letters')).toBe('0')
    expect([...smtp.delivered.values()]).toEqual([1, 1, 1])
    expect((await run('--redrive')).stdout).toContain('Nothing to do: there are no dead letters of')
  })
})
