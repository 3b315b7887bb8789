import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { StartPostgresOptions } from '@pgmq/embedded'

export function programPath(name: string): string {
  return fileURLToPath(new URL(`./programs/${name}`, import.meta.url))
}

/** Another process that has started a server. */
export interface Serving {
  readonly process: ChildProcess
  readonly url: string
  readonly pid: number
  readonly dataDir: string
  /** The next line that it prints, as JSON. */
  nextLine(): Promise<unknown>
}

/** Runs a program that starts a server, and waits until it has; what it writes as an error becomes ours. */
export async function serve(
  options: StartPostgresOptions,
  then: 'stay' | 'leave' | 'drain',
  spawnOptions: SpawnOptions & { readonly command?: readonly string[] } = {},
): Promise<Serving> {
  const [file = process.execPath, ...args] = [...(spawnOptions.command ?? []), process.execPath]
  const child = spawn(file, [...args, programPath('serve.mjs'), JSON.stringify(options), then], {
    ...spawnOptions,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const nextLine = lines(child)
  const { url, pid, dataDir } = (await nextLine()) as { url: string; pid: number; dataDir: string }
  return { process: child, url, pid, dataDir, nextLine }
}

export function lines(child: ChildProcess): () => Promise<unknown> {
  let output = ''
  let errors = ''
  let ended = false
  let wake = (): void => {}
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text
    wake()
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  child.once('close', () => {
    ended = true
    wake()
  })
  return async () => {
    while (!output.includes('\n')) {
      if (ended) throw new Error(`the program ended early:\n${errors}`)
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    const end = output.indexOf('\n')
    const line = output.slice(0, end)
    output = output.slice(end + 1)
    return JSON.parse(line) as unknown
  }
}

export async function ended(child: ChildProcess): Promise<number | string | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode ?? child.signalCode
  return new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)))
}
