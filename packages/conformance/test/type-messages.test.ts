import path from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { beforeAll, describe, expect, it } from 'vitest'

const folder = fileURLToPath(new URL('../types/', import.meta.url))
const lead = `import { createClient, createWorker, defineTask } from '@pgmq/node-pg'
import { z } from 'zod'
import * as tasks from './tasks.js'
const client = createClient('')
void createWorker, defineTask, z, tasks, client
`

const wrong = {
  'a misspelt field': `client.enqueue(tasks.sendWelcomeEmail, { emial: 'a@example.com', username: 'A' })`,
  'a Date in a raw body': `client.enqueue('user_tasks', { task: 'ping', at: new Date() })`,
  'a Date in a contract': `defineTask({ name: 'a', queue: 'q', input: z.object({ at: z.date() }) })`,
  'a bigint deep in a contract': `defineTask({ name: 'a', queue: 'q', input: z.object({ lines: z.array(z.object({ amount: z.bigint() })) }) })`,
  'a reserved field': `defineTask({ name: 'a', queue: 'q', input: z.object({ task: z.string() }) })`,
  'a Date in a record': `defineTask({ name: 'a', queue: 'q', input: z.record(z.string(), z.date()) })`,
  'a Date in a loose object': `defineTask({ name: 'a', queue: 'q', input: z.looseObject({ at: z.date() }) })`,
  'a task without a handler': `createWorker({ client, tasks: { ping: tasks.ping }, handlers: {} })`,
} as const

/** What the compiler says to a user, one line a problem. */
function messages(snippets: Readonly<Record<string, string>>): Map<string, string> {
  const { config } = ts.readConfigFile(path.join(folder, 'tsconfig.json'), ts.sys.readFile) as { config: object }
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, folder)
  const files = new Map(
    Object.entries(snippets).map(([name, text], i) => [
      path.join(folder, `wrong-${i}.ts`),
      { name, text: lead + text },
    ]),
  )
  const host = ts.createCompilerHost(options)
  const { fileExists, readFile } = host
  host.fileExists = (file) => files.has(file) || fileExists(file)
  host.readFile = (file) => files.get(file)?.text ?? readFile(file)
  host.getSourceFile = (file, target) => {
    const text = host.readFile(file)
    return text === undefined ? undefined : ts.createSourceFile(file, text, target)
  }
  const program = ts.createProgram([...files.keys()], options, host)
  return new Map(
    [...files].map(([file, { name }]) => {
      const found = program.getSemanticDiagnostics(program.getSourceFile(file))
      return [name, found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n')).join('\n')]
    }),
  )
}

describe('what the compiler says to', () => {
  let said = new Map<string, string>()
  beforeAll(() => {
    said = messages({ ...wrong, nothing: '' })
  }, 60_000)

  it.each(Object.keys(wrong))('%s', (name) => {
    expect(said.get(name)).toMatchSnapshot()
  })

  it('a right program is nothing', () => {
    expect(said.get('nothing')).toBe('')
  })
})
