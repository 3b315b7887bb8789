import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { WorkerHealth } from '@pgmq/node-pg'
import { until } from './until.js'
import type { Report, WorkerEvent, WorkerEventName, WorkerSettings } from './wire.js'

/** Built beside this file's own build, and found from its source, too. */
const PROGRAM = fileURLToPath(new URL('../dist/worker-process.js', import.meta.url))
const STARTS_MS = 30_000
/** After the grace: what `stop` gives to handlers whose signals have aborted, and to its own last statements. */
const AFTER_GRACE_MS = 12_000
const STDERR_TAIL = 2_000

/** A worker process, seen from outside: what it tells, and what can be done to it. */
export class WorkerHandle {
  readonly name: string
  readonly exited: Promise<void>
  readonly events: WorkerEvent[] = []
  readonly connections: boolean[] = []
  /** Resident memory, each half second, in bytes. */
  readonly rss: number[] = []
  health: WorkerHealth | null = null
  /** Why it ended, where nobody asked it to. */
  unexpected: string | null = null
  readonly #settings: WorkerSettings
  readonly #child: ChildProcess
  readonly #counts = new Map<WorkerEventName, number>()
  #ready = false
  #stopped = false
  #expected = false
  #over = false
  #stderr = ''

  constructor(settings: WorkerSettings) {
    this.name = settings.name
    this.#settings = settings
    const stdio = ['ignore', 'ignore', 'pipe', 'ipc'] as const
    this.#child = fork(PROGRAM, [JSON.stringify(settings)], { stdio: [...stdio], serialization: 'advanced' })
    this.#child.on('message', (report) => this.#hear(report as Report))
    this.#child.stderr?.on('data', (data: Buffer) => {
      this.#stderr = (this.#stderr + data.toString()).slice(-STDERR_TAIL)
    })
    this.exited = once(this.#child, 'exit').then(([code, signal]: unknown[]) => {
      this.#over = true
      // By an error of its own, be its death expected or not.
      const failed = code !== null && code !== 0
      if (failed || !this.#expected)
        this.unexpected = `${this.name} ended with ${String(code ?? signal)}\n${this.#stderr}`
    })
  }

  get alive(): boolean {
    return !this.#over
  }

  get peakRssMb(): number {
    return this.rss.reduce((peak, bytes) => Math.max(peak, bytes), 0) / 1_048_576
  }

  count(event: WorkerEventName): number {
    return this.#counts.get(event) ?? 0
  }

  /** Those of these messages of which it told this. */
  told(name: WorkerEventName, ids: ReadonlySet<string>): ReadonlySet<string> {
    return new Set(this.events.filter(({ event, id }) => event === name && ids.has(id)).map(({ id }) => id))
  }

  async ready(): Promise<this> {
    if (await until(() => this.#ready || this.#over, STARTS_MS)) return this
    throw new Error(`${this.name} was not ready within ${STARTS_MS / 1000} s\n${this.#stderr}`)
  }

  /** From here on its end is nothing unexpected. */
  expectDeath(): void {
    this.#expected = true
  }

  forget(): void {
    this.events.length = 0
    this.rss.splice(0, this.rss.length - 1)
  }

  async kill(): Promise<void> {
    this.#expected = true
    this.#child.kill('SIGKILL')
    await this.exited
  }

  pause(): void {
    this.#child.kill('SIGSTOP')
  }

  resume(): void {
    this.#child.kill('SIGCONT')
  }

  /** Asks it to stop. Null: it did, within its grace, and ended by itself. Else: what it did instead. */
  async stop(): Promise<string | null> {
    this.#expected = true
    const limitMs = this.#settings.graceSeconds * 1000 + AFTER_GRACE_MS
    this.#child.kill('SIGTERM')
    if (!(await until(() => this.#over, limitMs))) {
      await this.kill()
      return `${this.name} had not ended ${limitMs / 1000} s after SIGTERM${this.#stopped ? ', though it had stopped' : ''}`
    }
    const { exitCode, signalCode } = this.#child
    const clean = exitCode === 0 && this.#stopped
    return clean ? null : `${this.name} ended with ${exitCode ?? signalCode} at SIGTERM\n${this.#stderr}`
  }

  #hear(report: Report): void {
    switch (report.kind) {
      case 'ready':
        this.#ready = true
        return
      case 'stopped':
        this.#stopped = true
        return
      case 'connection':
        this.connections.push(report.up)
        return
      case 'state':
        this.rss.push(report.rssBytes)
        this.health = report.health
        return
      case 'events':
        for (const told of report.events) {
          this.events.push(told)
          this.#counts.set(told.event, this.count(told.event) + 1)
        }
    }
  }
}
