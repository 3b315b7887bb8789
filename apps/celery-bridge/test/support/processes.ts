import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterEach } from 'vitest'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

/** A program in a process of its own. */
export interface Program {
  readonly process: ChildProcess
  /** What it has written so far, on stdout and stderr. */
  readonly output: () => string
  /** Resolves when the output has something; rejects when the program ends without it. */
  says(text: string): Promise<void>
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>
}

const running = new Set<Program>()
afterEach(async () => {
  for (const { process } of running) process.kill('SIGKILL')
  await Promise.all([...running].map(({ ended }) => ended))
})

export function start(
  command: string,
  args: readonly string[],
  { env, cwd, input = '' }: { env: Readonly<Record<string, string>>; cwd?: string; input?: string },
): Program {
  const child = spawn(command, args, { env: { ...process.env, ...env }, cwd, stdio: 'pipe' })
  let output = ''
  const looks = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
      for (const look of looks) look()
    })
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve(code ?? signal ?? 1))
  })
  const program: Program = {
    process: child,
    output: () => output,
    ended,
    says: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (output.includes(text)) resolve()
        }
        looks.add(look)
        look()
        void ended.then((how) => reject(new Error(`ended with ${how} and did not say ${text}:\n${output}`)))
      }),
  }
  running.add(program)
  void ended.then(() => running.delete(program))
  return program
}

/** The bridge as it is started by hand. */
export function startBridge(databaseUrl: string, args: readonly string[] = []): Program {
  return start(process.execPath, [MAIN, ...args], { env: { DATABASE_URL: databaseUrl, NO_COLOR: '1' } })
}

/** Goes through its queues once. Resolves to its output. */
export async function bridgeOnce(databaseUrl: string, args: readonly string[] = []): Promise<string> {
  const bridge = startBridge(databaseUrl, ['--once', ...args])
  const exitCode = await bridge.ended
  if (exitCode !== 0) throw new Error(`the bridge ended with ${exitCode}:\n${bridge.output()}`)
  return bridge.output()
}
