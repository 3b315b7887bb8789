import { setTimeout as sleep } from 'node:timers/promises'
import { createProtocol, type Protocol } from '@pgmq/core/protocol'
import { createClient, type PgConnection, type PgmqClient } from '@pgmq/node-pg'
import type pg from 'pg'
import type { Log } from '../log.js'
import { moveBatch } from './batch.js'
import type { Routes } from './define-routes.js'
import { addTo, emptyTally, type Tally } from './tally.js'

export interface BridgeOptions {
  /** With room for two connections. Stays the caller's. */
  readonly pool: pg.Pool
  readonly log: Log
  readonly routes: Routes
  /** Kombu's names of them. */
  readonly queues: readonly string[]
  /** Nobody else consumes these queues: what is refused is dead-lettered, not left. */
  readonly wholeQueue: boolean
  readonly batchSize: number
  readonly pollIntervalMs: number
}

const LONGEST_PAUSE_MS = 30_000
const MOST_TOLD = 10_000

/** Moves jobs from Kombu's queues to ours, until it is told to stop. Any number may run side by side. */
export class Bridge {
  readonly options: BridgeOptions
  readonly log: Log
  readonly client: PgmqClient
  readonly protocol: Protocol<PgConnection>
  readonly tally: Tally = emptyTally()
  readonly #told = new Set<string>()

  constructor(options: BridgeOptions) {
    this.options = options
    this.log = options.log
    this.client = createClient(options.pool)
    this.protocol = createProtocol(this.client)
  }

  /** Creates the queues that are missing, on both sides: which program starts first does not matter. */
  async prepare(): Promise<void> {
    const { queues, routes, wholeQueue } = this.options
    for (const queue of new Set([...routes.values()].map(({ task }) => task.queue)))
      await this.client.queues.create(queue)
    const known = new Set((await this.protocol.listQueues()).map(({ name }) => name))
    for (const queue of queues.flatMap((name) => (wholeQueue ? [name, `${name}_dlq`] : [name])))
      if (!known.has(queue)) await this.protocol.create(queue)
  }

  /** Goes once through each queue. Between two batches a stop is heeded. */
  async sweep(stop: AbortSignal): Promise<void> {
    for (const queue of this.options.queues) {
      for (let after: string | null = '0'; after !== null && !stop.aborted; ) {
        const batch = await moveBatch(this, queue, after)
        after = batch.after
        this.#count(queue, batch.tally)
      }
    }
  }

  /** Whatever fails is tried again: nothing of a batch that failed has happened. */
  async run(stop: AbortSignal): Promise<void> {
    for (let failures = 0; !stop.aborted; ) {
      try {
        await this.sweep(stop)
        failures = 0
      } catch (error) {
        failures++
        this.log.error({ err: error, failures }, 'could not move jobs, and tries again')
      }
      await pause(Math.min(this.options.pollIntervalMs * 2 ** Math.min(failures, 10), LONGEST_PAUSE_MS), stop)
    }
  }

  /** A message that is left comes by in each sweep. */
  tellOnce(queue: string, id: string, problem: string): void {
    const key = `${queue}/${id}`
    if (this.#told.has(key)) return
    if (this.#told.size >= MOST_TOLD) this.#told.clear()
    this.#told.add(key)
    this.log.warn({ queue, id }, `left to Celery: ${problem}`)
  }

  async close(): Promise<void> {
    await this.client.close()
  }

  #count(queue: string, tally: Readonly<Tally>): void {
    addTo(this.tally, tally)
    const { moved, expired, deadLettered } = tally
    if (moved + expired + deadLettered > 0) this.log.info({ queue, ...tally }, `moved ${moved} jobs of ${queue}`)
  }
}

async function pause(ms: number, stop: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal: stop }).catch(() => undefined)
}
