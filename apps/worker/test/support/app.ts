import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly output: string
}

export interface Running {
  readonly output: () => string
  readonly signal: (signal: NodeJS.Signals) => void
  readonly ended: Promise<Ended>
}

/** The app as its users run it, with nothing of this process's environment that would point it to another server. */
export function startApp(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const clean = Object.entries(process.env).filter(
    ([name]) => !/^(DATABASE_URL|POSTGRES_|PGMQ_|SMTP_URL|DEBUG|FORCE_COLOR|CI$)/.test(name),
  )
  const child = spawn(process.execPath, [main, ...args], {
    env: { ...Object.fromEntries(clean), NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const ended = new Promise<Ended>((resolve) => child.on('close', (code) => resolve({ code, output })))
  return { output: () => output, signal: (signal) => void child.kill(signal), ended }
}

export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  limitMs = 30_000,
): Promise<void> {
  const endMs = performance.now() + limitMs
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`waited ${limitMs} ms for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
