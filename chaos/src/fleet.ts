import type { WorkerEvent, WorkerEventName, WorkerSettings } from './wire.js'
import { WorkerHandle } from './worker-handle.js'

const RESTART_MS = 200

export type FleetSettings = Omit<WorkerSettings, 'name' | 'url' | 'effectsUrl'>

/** What one of them has of its own. */
export interface Own extends Partial<FleetSettings> {
  /** @defaultValue the fleet's */
  readonly url?: (name: string) => string
}

export const FLEET_DEFAULTS: FleetSettings = {
  adapter: 'node-pg',
  concurrency: 16,
  visibilitySeconds: 4,
  timeoutSeconds: 60,
  graceSeconds: 5,
  maxRetries: 3,
  holdMs: 50,
  knowsRenewed: false,
  preparedStatements: true,
  queryTimeoutSeconds: 10,
  handlersHoldPool: null,
  clockOffsetMs: 0,
}

/** The worker processes of a run. */
export class Fleet {
  readonly #urlOf: (name: string) => string
  readonly #settings: FleetSettings
  readonly #members: WorkerHandle[] = []
  readonly #supervised = new Set<Promise<void>>()
  #closing = false
  deaths = 0

  constructor(urlOf: (name: string) => string, settings: FleetSettings) {
    this.#urlOf = urlOf
    this.#settings = settings
    process.once('exit', this.#killAll)
  }

  get living(): readonly WorkerHandle[] {
    return this.#members.filter(({ alive }) => alive)
  }

  /** Resolves when they fetch. Each has a name of its own, also one that takes another's place. */
  async start(count = 1, more: Own = {}): Promise<WorkerHandle[]> {
    return await Promise.all(Array.from({ length: count }, () => this.#spawn(more).ready()))
  }

  async startOne(more: Own = {}): Promise<WorkerHandle> {
    return await this.#spawn(more).ready()
  }

  /** Workers that are started again whenever they die, as a service manager does it. */
  async supervise(count: number, more: Own = {}): Promise<void> {
    await Promise.all(
      Array.from({ length: count }, async () => {
        const first = this.#spawn(more)
        const watch: Promise<void> = this.#watch(first, more).finally(() => this.#supervised.delete(watch))
        this.#supervised.add(watch)
        await first.ready()
      }),
    )
  }

  /** How often something happened, over all workers that there have been. */
  count(event: WorkerEventName): number {
    return this.#members.reduce((sum, member) => sum + member.count(event), 0)
  }

  get events(): (WorkerEvent & { readonly worker: string })[] {
    return this.#members.flatMap(({ name, events }) => events.map((event) => ({ ...event, worker: name })))
  }

  /** What has been audited. */
  forget(): void {
    for (const member of this.#members) member.forget()
  }

  /** Those that ended although nobody harmed them. */
  get unexpected(): readonly string[] {
    return this.#members.flatMap(({ unexpected }) => unexpected ?? [])
  }

  get peakRssMb(): number {
    return Math.max(0, ...this.#members.map(({ peakRssMb }) => peakRssMb))
  }

  /** Stops all, and resolves to what was not clean about it. */
  async stop(): Promise<readonly string[]> {
    this.#closing = true
    for (const member of this.living) member.resume()
    const ends = await Promise.all(this.living.map((member) => member.stop()))
    await Promise.all(this.#supervised)
    return ends.filter((end) => end !== null)
  }

  /** A frozen process would not notice that its parent is gone. */
  readonly #killAll = (): void => {
    for (const member of this.living) void member.kill()
  }

  /** Whatever happened before, nothing of it is left. */
  async close(): Promise<void> {
    process.off('exit', this.#killAll)
    this.#closing = true
    await Promise.all(this.living.map((member) => member.kill()))
    await Promise.all(this.#supervised)
  }

  #spawn(more: Own): WorkerHandle {
    const name = `worker-${this.#members.length + 1}`
    const urls = { url: (more.url ?? this.#urlOf)(name), effectsUrl: this.#urlOf(name) }
    const member = new WorkerHandle({ ...this.#settings, ...more, name, ...urls })
    this.#members.push(member)
    return member
  }

  async #watch(first: WorkerHandle, more: Own): Promise<void> {
    for (let member = first; ; member = this.#spawn(more)) {
      member.expectDeath()
      await member.exited
      if (this.#closing) return
      this.deaths++
      await new Promise((resolve) => setTimeout(resolve, RESTART_MS))
    }
  }
}
