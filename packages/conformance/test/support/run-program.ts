import { spawn } from 'node:child_process'
import { once } from 'node:events'

export interface ProgramOptions {
  readonly directory: string
  readonly url: string
  /** It is stopped by SIGTERM once it has printed these lines. */
  readonly until: string | null
}

export interface Printed {
  /** Exit code, or the signal that ended it. */
  readonly ended: unknown
  readonly output: string
}

/** Runs a program of a page as a reader would. */
export async function runProgram(args: readonly string[], { directory, url, until }: ProgramOptions): Promise<Printed> {
  // This is a test run itself, and what it tells its own processes is not meant for others.
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST'))
  const env = { ...Object.fromEntries(own), DATABASE_URL: url }
  const child = spawn(process.execPath, args, { cwd: directory, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      output += chunk
      if (until !== null && missingLine(until, output) === undefined) child.kill('SIGTERM')
    })
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  return { ended: code ?? signal, output }
}

/** The first line that was to be printed, in this order, and was not. `…` stands for any text. */
export function missingLine(shown: string, output: string): string | undefined {
  const printed = output.split('\n').map((line) => line.trim())
  return shown
    .split('\n')
    .filter((line) => line !== '')
    .find((wanted) => {
      const pattern = new RegExp(`^${wanted.split('…').map(escapeText).join('.*')}$`)
      const at = printed.findIndex((line) => pattern.test(line))
      printed.splice(0, at + 1)
      return at < 0
    })
}

function escapeText(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
