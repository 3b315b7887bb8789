import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface ProgramEvent {
  readonly event: string
  readonly id?: string
  readonly reason?: string
}

/** A process that tells its events line by line. */
export class Program {
  readonly events: ProgramEvent[] = []
  readonly exited: Promise<void>
  readonly #child: ChildProcess
  #over = false

  constructor(name: string, args: readonly string[]) {
    const path = fileURLToPath(new URL(`../programs/${name}`, import.meta.url))
    this.#child = spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    const lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream })
    lines.on('line', (line) => this.events.push(JSON.parse(line) as ProgramEvent))
    this.exited = once(this.#child, 'exit').then(() => {
      this.#over = true
    })
  }

  count(event: string): number {
    return this.events.filter((one) => one.event === event).length
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#over) this.#child.kill(signal)
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.exited
  }
}
