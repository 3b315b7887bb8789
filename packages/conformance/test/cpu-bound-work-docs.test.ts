import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeSuite } from './support/harness.js'
import { until } from './support/until.js'

const GUIDE = readFileSync(new URL('../../../docs/cpu-bound-work.md', import.meta.url), 'utf8')
const blocks = [...GUIDE.matchAll(/^```\w+ title="(.+)"\n([\s\S]*?)^```/gm)].map(
  ([, title = '', code = '']) => [title, code] as const,
)
/** The guide's own times are too long for a test. */
const SHORTER: readonly (readonly [string, string])[] = [
  ['timeoutSeconds: 60', 'timeoutSeconds: 6'],
  ['createClient(process.env.DATABASE_URL!)', 'createClient(process.env.DATABASE_URL!, { visibilitySeconds: 1.5 })'],
  ['concurrency: availableParallelism()', 'concurrency: 2'],
]

describeSuite('docs/cpu-bound-work.md', (h) => {
  let directory = ''
  let child: ChildProcess
  let exited: Promise<unknown[]>

  beforeAll(async () => {
    // Beneath this package, so that the imports of its programs are found.
    directory = mkdtempSync(join(fileURLToPath(new URL('../node_modules', import.meta.url)), '.cpu-bound-work-'))
    writeFileSync(join(directory, 'package.json'), '{ "type": "module" }')
    for (const [title, code] of blocks) {
      const short = SHORTER.reduce((text, [from, to]) => text.replace(from, to), code)
      const { outputText } = ts.transpileModule(short, {
        compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
      })
      writeFileSync(join(directory, title.replace(/\.ts$/, '.js')), outputText)
    }
    await h.client.queues.create('sums')
    const env = { ...process.env, DATABASE_URL: h.url }
    child = spawn(process.execPath, ['worker.js'], { cwd: directory, env, stdio: ['ignore', 'inherit', 'inherit'] })
    exited = once(child, 'exit')
  })
  afterAll(async () => {
    child.kill('SIGKILL')
    await exited
    rmSync(directory, { recursive: true })
  })

  it('shows four files, which say what the test makes shorter', () => {
    expect(blocks.map(([title]) => title)).toEqual(['tasks.ts', 'count-primes.js', 'in-thread.ts', 'worker.ts'])
    for (const [from] of SHORTER) expect(GUIDE).toContain(from)
  })

  it('keeps the lease of a long computation, runs others beside it, and ends it with its signal', async () => {
    const endless = { task: 'count_primes', below: Number.MAX_SAFE_INTEGER }
    const { id } = await h.client.enqueue('sums', endless)
    const row = async () =>
      (await h.sql<{ vt: Date; read_ct: number }>('select vt, read_ct from pgmq.q_sums where msg_id = $1', [id]))[0]
    const times = new Set<number>()
    await until('three heartbeats', async () => {
      const { vt, read_ct } = (await row()) ?? {}
      if (vt && read_ct === 1) times.add(vt.getTime())
      return times.size >= 4
    })
    await h.client.enqueue('sums', { task: 'count_primes', below: 100 })
    const done = async () => await h.sql<{ output: number }>(`select headers->'x-job-output' output from pgmq.a_sums`)
    await until('the short one', async () => (await done()).length)
    expect(await done()).toEqual([{ output: 25 }])
    expect((await row())?.read_ct).toBe(1)
    await until('its time is up', async () => (await h.client.deadLetters.list('sums')).items.length)
    expect((await h.client.deadLetters.list('sums')).items).toMatchObject([{ originalId: id, reason: 'timed_out' }])
    // A thread that still ran would keep the process from its end.
    child.kill('SIGTERM')
    expect(await exited).toEqual([0, null])
  })
})
