import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { createClient, defineTask, unchecked } from '@pgmq/node-pg'
import { describeDatabase, query, useTestDatabase } from '@pgmq/test-database'
import pg from 'pg'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const HERE = fileURLToPath(new URL('..', import.meta.url))
const GUIDE = readFileSync(path.join(HERE, '../../docs/migrating-from-celery.md'), 'utf8')
const blocks = new Map(
  [...GUIDE.matchAll(/^```\w+ title="(.+)"\n([\s\S]*?)^```/gm)].map(([, title = '', text = '']) => [title, text]),
)
const ofKind = (kind: string): [string, string][] => [...blocks].filter(([title]) => title.endsWith(kind))

/** What the guide's programs import of the reader's own. */
const READERS = {
  'mailer.ts': `export class RecipientRefused extends Error {}
export const mailer = { send: async (_to: string, _text: string, _options: { signal: AbortSignal }): Promise<void> => {} }`,
  'images.ts': 'export const resize = async (_image: number): Promise<void> => {}',
}

describe('docs/migrating-from-celery.md', () => {
  // Beneath this package, so that imports are found.
  const directory = mkdtempSync(path.join(HERE, 'node_modules', '.migrating-'))
  beforeAll(() => {
    writeFileSync(path.join(directory, 'package.json'), '{ "type": "module" }')
    for (const [title, code] of [...ofKind('.ts'), ...Object.entries(READERS)])
      writeFileSync(path.join(directory, title), code)
  })
  afterAll(() => rmSync(directory, { recursive: true }))

  it('shows programs that compile', () => {
    const { config } = ts.readConfigFile(path.join(HERE, 'tsconfig.test.json'), ts.sys.readFile) as { config: object }
    const parsed = ts.parseJsonConfigFileContent(config, ts.sys, HERE)
    const files = ofKind('.ts').map(([title]) => path.join(directory, title))
    expect(files).toHaveLength(6)
    const program = ts.createProgram(files, { ...parsed.options, rootDir: directory, noUnusedParameters: false })
    const problems = ts.getPreEmitDiagnostics(program)
    expect(ts.formatDiagnostics(problems, { ...ts.sys, getCanonicalFileName: (n) => n, getNewLine: () => '\n' })).toBe(
      '',
    )
  })

  describeDatabase('on a database', () => {
    const database = useTestDatabase()
    const pool = (): pg.Pool => new pg.Pool({ connectionString: database.url, max: 4 })

    it('has statements that run', async () => {
      for (const queue of ['user_tasks', 'reports', 'celery'])
        await query(database.url, 'select pgmq.create($1)', [queue])
      const scheduled = /\$\$(.+)\$\$/s.exec(blocks.get('pg-cron.sql') as string)?.[1] as string
      const others = ofKind('.sql').filter(([title]) => title !== 'pg-cron.sql')
      for (const text of [...others.map(([, block]) => block), scheduled]) await query(database.url, text)
      const bodies = await query(
        database.url,
        `select message->>'task' task from pgmq.q_user_tasks union all select message->>'task' from pgmq.q_reports`,
      )
      expect(bodies).toEqual([{ task: 'send_welcome_email' }, { task: 'build_report' }])
    })

    it('has a tick that enqueues once, in however many processes', async () => {
      await query(database.url, 'create table ticks (name text, at timestamptz, primary key (name, at))')
      const { outputText } = ts.transpileModule(blocks.get('tick.ts') as string, {
        compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
      })
      writeFileSync(path.join(directory, 'tick.mjs'), outputText)
      const { tick } = (await import(path.join(directory, 'tick.mjs'))) as {
        tick: (...args: unknown[]) => Promise<void>
      }
      const task = defineTask({ name: 'clean_up', queue: 'clean_ups', input: unchecked<{ older: number }>() })
      const pools = [pool(), pool(), pool()]
      const clients = pools.map((one) => createClient(one))
      await clients[0]?.queues.create('clean_ups')
      const at = new Date('2026-01-02T03:00:00Z')
      await Promise.all(
        pools.map((one, i) => tick(one, clients[i], { name: 'nightly', at, task, input: { older: 7 } })),
      )
      expect(await query(database.url, 'select message from pgmq.q_clean_ups')).toEqual([
        { message: { task: 'clean_up', older: 7 } },
      ])
      for (const client of clients) await client.close()
      for (const one of pools) await one.end()
    })
  })
})
