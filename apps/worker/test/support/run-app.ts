import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterEach } from 'vitest'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
/** What would send the app to another server, or change how its output looks. */
const OURS = /^(CI|DATABASE_URL|SMTP_URL|MAIL_FROM|DEBUG|FORCE_COLOR|(POSTGRES|PGMQ|PG)[A-Z_]*)$/

/** The app as a user runs it, in a process of its own. */
export interface App {
  readonly process: ChildProcess
  /** What it has written so far. */
  readonly stdout: () => string
  readonly stderr: () => string
  /** Resolves when the output has something; rejects when the app ends without it. */
  says(text: string | RegExp): Promise<void>
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>
  kill(signal: NodeJS.Signals): void
}

export interface Started {
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

const running = new Set<App>()
afterEach(async () => {
  for (const app of running) app.kill('SIGKILL')
  await Promise.all([...running].map(({ ended }) => ended))
})

export function startApp({ args = [], env = {}, cwd }: Started): App {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !OURS.test(name)))
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...inherited, NO_COLOR: '1', ...env },
    cwd,
    stdio: 'pipe',
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.on('close', (code, signal) => resolve(code ?? signal ?? 1))
  })
  const app: App = {
    process: child,
    stdout: () => stdout,
    stderr: () => stderr,
    ended,
    kill: (signal) => void child.kill(signal),
    says: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (typeof text === 'string' ? stdout.includes(text) : text.test(stdout)) resolve()
        }
        child.stdout.on('data', look)
        look()
        void ended.then((how) => {
          look()
          reject(new Error(`ended with ${how} and did not say ${String(text)}:\n${stdout}\n${stderr}`))
        })
      }),
  }
  running.add(app)
  void ended.then(() => running.delete(app))
  return app
}

export interface Finished {
  readonly exitCode: number | NodeJS.Signals
  readonly stdout: string
  readonly stderr: string
}

export async function runApp(options: Started): Promise<Finished> {
  const app = startApp(options)
  const exitCode = await app.ended
  return { exitCode, stdout: app.stdout(), stderr: app.stderr() }
}

/** A number, or whatever stands there, from the table at the end. */
export function cell(output: string, name: string): string | undefined {
  const row = output.split('\n').find((line) => line.startsWith(`│ ${name} `))
  return row?.split('│')[2]?.trim()
}
