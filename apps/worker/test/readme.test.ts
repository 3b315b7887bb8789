import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { countOf, describeDatabase, query, useTestDatabase } from '@pgmq/test-database'
import { expect, it } from 'vitest'
import { makeDirectory } from './support/files.js'
import { runApp, startApp } from './support/run-app.js'
import { startTestSmtp } from './support/smtp.js'
import { until } from './support/until.js'

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

function blocksOf(language: string): string[] {
  return [...README.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter((block) => block[1] === language)
    .map(([, , text = '']) => text)
}

/** `npm start -- a b  # why` as its arguments. */
const commands = blocksOf('sh')
  .flatMap((block) => block.trim().split('\n'))
  .map((line) => line.replace(/\s+#.*/, ''))

describeDatabase('the README', () => {
  const database = useTestDatabase()

  it.each(commands)('%s', async (command) => {
    expect(command).toMatch(/^npm start( --( [\w.-]+)+)?$/)
    const args = command.split(' ').slice(3)
    const cwd = await makeDirectory()
    await writeFile(path.join(cwd, 'my-users.csv'), 'id,name,email\n1,Ada,ada@example.com\n')
    await writeFile(path.join(cwd, 'my-users.jsonl'), '{"name": "Ada", "email": "ada@example.com"}\n')
    const options = { args, cwd, env: { DATABASE_URL: database.url } }
    if (!args.includes('--watch')) {
      expect(await runApp(options)).toMatchObject({ exitCode: 0, stderr: '' })
      return
    }
    const app = startApp(options)
    await app.says('Waiting for jobs')
    app.kill('SIGTERM')
    expect(await app.ended).toBe(0)
  })

  it('sends a job and looks at what became of rows, with plain SQL', async () => {
    const smtp = await startTestSmtp()
    const app = startApp({ args: ['--watch'], env: { DATABASE_URL: database.url, SMTP_URL: smtp.url } })
    await app.says('Waiting for jobs in queue user_tasks;')
    const before = await countOf(database.url, 'pgmq.a_user_tasks')
    for (const block of blocksOf('sql')) await query(database.url, block)
    await until(async () => (await countOf(database.url, 'pgmq.a_user_tasks')) === before + 1)
    app.kill('SIGTERM')
    expect(await app.ended).toBe(0)
  })

  it('has every option that the help has', async () => {
    const { stdout } = await runApp({ args: ['--help'] })
    const options = (text: string) => [...new Set(text.match(/--(?!help\b)[a-z]+(-[a-z]+)*/g))].sort()
    expect(options(README)).toEqual(options(stdout))
    const names = (text: string) =>
      [...new Set(text.match(/\b(DATABASE_URL|MAIL_FROM|SMTP_URL|DEBUG|(PGMQ|POSTGRES)_[A-Z_]+)\b/g))].sort()
    expect(names(README)).toEqual(names(stdout))
  })
})
