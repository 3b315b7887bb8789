import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describeDatabase, useTestDatabase } from '@pgmq/test-database'
import { transform } from 'esbuild'
import { afterAll, beforeAll, expect, it } from 'vitest'

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
const TOKEN = 'a-token-as-openssl-would-make-one'
const run = promisify(execFile)

interface Step {
  command: string
  /** As the README shows it, in comments below; `…` stands for any text. */
  output: string
}

/** The commands of the `sh` blocks that are no installs. One that goes on over several lines begins like no command. */
function stepsOf(markdown: string): readonly Step[] {
  const steps: Step[] = []
  for (const [, block = ''] of markdown.matchAll(/^```sh\n(.*?)^```$/gms)) {
    for (const line of block.trim().split('\n')) {
      const last = steps.at(-1)
      if (/^(curl |[A-Z]+=)/.test(line)) steps.push({ command: line, output: '' })
      else if (!last) throw new Error(`the README has a command of a kind that is not known: ${line}`)
      else if (line.startsWith('# ')) last.output += line.slice(2)
      else last.command += `\n${line}`
    }
  }
  return steps
}

function matches(printed: string, shown: string): boolean {
  const escaped = shown.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${escaped.join('.*')}$`, 's').test(printed)
}

describeDatabase('the README', () => {
  const database = useTestDatabase()
  const steps = stepsOf(README)
  let app: ChildProcess
  let folder: string
  let printed: readonly string[]

  beforeAll(async () => {
    // Inside of the package, so that it finds itself and its development dependencies by their names.
    folder = mkdtempSync(fileURLToPath(new URL('../dist/readme-', import.meta.url)))
    const [, source = ''] = /^```ts title="app.ts"\n(.*?)^```$/ms.exec(README) ?? []
    const script = path.join(folder, 'app.mjs')
    writeFileSync(script, (await transform(source, { loader: 'ts', format: 'esm' })).code)
    const env = { ...process.env, DATABASE_URL: database.url, JOBS_TOKEN: TOKEN, PORT: '0' }
    app = spawn(process.execPath, [script], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    printed = await runAll(steps, await portOf(app))
  }, 60_000)
  afterAll(async () => {
    const ended = new Promise((resolve) => app.once('exit', resolve))
    app.kill()
    await ended
    rmSync(folder, { recursive: true, force: true })
  })

  it('has commands', () => {
    expect(steps.filter(({ command }) => command.startsWith('curl')).length).toBeGreaterThanOrEqual(15)
  })

  it.each(steps.map((step, index) => ({ ...step, index })))('$command', ({ output, index }) => {
    const actual = printed[index] ?? ''
    if (!matches(actual, output)) expect(actual).toBe(output)
  })

  it('has every route in its table', async () => {
    const { port } = new URL(`http://localhost:${await portOf(app)}`)
    const response = await fetch(`http://127.0.0.1:${port}/jobs/openapi.json`, {
      headers: { Authorization: `Bearer ${TOKEN}` },
    })
    const { paths } = (await response.json()) as { paths: Record<string, object> }
    const routes = Object.entries(paths).flatMap(([route, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${route.replace(/\{(\w+)\}/g, ':$1')}`),
    )
    const shown = [...README.matchAll(/`([A-Z]+ \/[^`?]*)(?:\?[^`]*)?`/g)].map(([, route = '']) =>
      route.replace('<name>', 'send_welcome_email'),
    )
    expect([...new Set(shown)].sort()).toEqual(routes.sort())
  })
})

const ports = new WeakMap<ChildProcess, Promise<string>>()

/** What it says that it listens on. */
function portOf(app: ChildProcess): Promise<string> {
  const known = ports.get(app)
  if (known) return known
  const port = new Promise<string>((resolve, reject) => {
    let said = ''
    app.stdout?.on('data', (chunk) => {
      said += String(chunk)
      const [, found] = /listening on (\d+)/.exec(said) ?? []
      if (found) resolve(found)
    })
    app.once('exit', (code) => reject(new Error(`the app of the README ended with ${code}`)))
  })
  ports.set(app, port)
  return port
}

/** One shell for all of them, since they set variables; resolves to what each printed. */
async function runAll(all: readonly Step[], port: string): Promise<readonly string[]> {
  const mark = '\u0001'
  const script = all.map(({ command }) => `${command}\nprintf '${mark}'`).join('\n')
  const env = { ...process.env, JOBS_TOKEN: TOKEN }
  const { stdout } = await run('bash', ['-ec', script.replaceAll('localhost:3000', `127.0.0.1:${port}`)], { env })
  return stdout.split(mark).map((each) => each.trim())
}
