import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Play, RoleName, RoleOptions, RoleResult } from './roles/index.js'
import type { SystemName } from './systems/index.js'

const program = fileURLToPath(new URL('./role.js', import.meta.url))

export interface Cast<R extends RoleName> {
  readonly role: R
  readonly system: SystemName
  readonly url: string
  readonly options: RoleOptions<R>
  /** The program that runs it. */
  readonly node: string
}

export interface Ended<R extends RoleName> {
  readonly result: RoleResult<R>
  /** Resident memory at its highest. */
  readonly peakMb: number
}

/** A role in a process of its own. */
export class RoleProcess<R extends RoleName> {
  readonly #child: ChildProcess
  readonly #ready: Promise<void>
  readonly #ended: Promise<Ended<R>>
  #count = 0
  #onCount: () => void = () => undefined

  constructor({ role, system, url, options, node }: Cast<R>) {
    const play: Play = { role, system, url, options: options as never }
    this.#child = fork(program, [], {
      execPath: node,
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    })
    let said = ''
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
    let ready: () => void
    this.#ready = new Promise((resolve) => {
      ready = resolve
    })
    this.#ended = new Promise((resolve, reject) => {
      this.#child.on('message', (message: { news?: unknown } & Partial<Ended<R>>) => {
        if (message.news === 'ready') ready()
        else if (isCount(message.news)) this.#counted(message.news.count)
        else {
          resolve(message as Ended<R>)
          ready()
        }
      })
      this.#child.once('exit', (code, signal) => {
        ready()
        reject(new Error(`${role} of ${system} ended early (${code ?? signal}): ${said}`))
      })
    })
    this.#ended.catch(() => undefined)
    this.#child.send(play)
  }

  /** How many jobs it has seen, as it last said. */
  get count(): number {
    return this.#count
  }

  onCount(listener: () => void): void {
    this.#onCount = listener
  }

  /** Resolves when it has made what it needs, or has ended. */
  ready(): Promise<void> {
    return this.#ready
  }

  go(): void {
    if (this.#child.connected) this.#child.send('go')
  }

  /** Tells it to stop, and gives what it measured. */
  stop(): Promise<Ended<R>> {
    if (this.#child.connected) this.#child.send('stop')
    return this.#ended
  }

  /** What it measured, once it ends by itself. */
  ended(): Promise<Ended<R>> {
    return this.#ended
  }

  #counted(count: number): void {
    this.#count = count
    this.#onCount()
  }
}

/** Starts a role that ends by itself, and gives what it measured. */
export async function play<R extends RoleName>(cast: Cast<R>): Promise<RoleResult<R>> {
  const process = new RoleProcess(cast)
  await process.ready()
  process.go()
  return (await process.ended()).result
}

const isCount = (news: unknown): news is { count: number } =>
  typeof news === 'object' && news !== null && 'count' in news
