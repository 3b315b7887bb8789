import path from 'node:path'
import { describeDatabase } from '@pgmq/test-database'
import { expect, it } from 'vitest'
import { makeDirectory, writeCsv } from './support/files.js'
import { cell, runApp, startApp } from './support/run-app.js'
import { startTestSmtp } from './support/smtp.js'
import { until } from './support/until.js'

describeDatabase('without a server of the user', () => {
  it('one starts by itself, keeps its data, and a run after a kill goes on with them', async () => {
    const smtp = await startTestSmtp({ holdAfter: 10 })
    const dataDir = path.join(await makeDirectory(), 'data')
    const args = [await writeCsv(40), '--data-dir', dataDir, '--concurrency', '4', '--visibility', '2']
    const env = { SMTP_URL: smtp.url }
    const first = startApp({ args, env })
    await until(() => smtp.held.length === 4)
    expect(first.stdout()).toContain(`data in ${dataDir}`)
    first.kill('SIGKILL')
    await first.ended
    smtp.letGo()

    const second = await runApp({ args, env })
    expect(second.stderr).toBe('')
    expect(second.exitCode).toBe(0)
    expect(second.stdout).toMatch(/Import 1 of .* goes on: 40 rows recorded/)
    expect(cell(second.stdout, 'Mails delivered')).toBe('40')
    expect(smtp.delivered.size).toBe(40)
    expect([...smtp.delivered.values()].filter((mails) => mails > 1).length).toBeLessThanOrEqual(4)
  })

  it('a second run of a file whose mails were caught is an import of its own', async () => {
    const dataDir = path.join(await makeDirectory(), 'data')
    const args = [await writeCsv(3), '--data-dir', dataDir]
    expect((await runApp({ args })).exitCode).toBe(0)
    const { exitCode, stdout } = await runApp({ args })
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/Import 2 of .*; import 1 of the same file was finished \d{4}-/)
    expect(cell(stdout, 'In its archive')).toMatch(/^[2-6]$/)
  })
})
