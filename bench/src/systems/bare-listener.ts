import { once } from 'node:events'
import type { PoolClient } from 'pg'
import { BareLoop } from './bare-loop.js'
import { type OwnStatements, ownStatements } from './own-statements.js'
import type { Consumer, Job, OnJob } from './system.js'

/** The least that a pickup takes: our insert, which notifies, LISTEN, and our lease, with nothing around them. */
export class BareListener extends BareLoop {
  #own: OwnStatements | null = null

  constructor(url: string) {
    super(url, 'ours', 'archive')
  }

  override async prepare(): Promise<void> {
    await super.prepare()
    this.#own = await ownStatements(this.pool, 'archive', 1)
  }

  override enqueue(job: Job): Promise<unknown> {
    const { insert, channel } = this.#own as OwnStatements
    return this.pool.query({ name: 'insert', text: insert, values: [JSON.stringify([job]), channel] })
  }

  override async consume(_handlers: number, onJob: OnJob): Promise<Consumer> {
    const own = this.#own as OwnStatements
    const [ears, hands] = await Promise.all([this.pool.connect(), this.pool.connect()])
    await ears.query(`listen "${own.channel}"`)
    const end = new AbortController()
    const reader = this.#read(own, ears, hands, onJob, end.signal)
    return {
      stop: async () => {
        end.abort()
        await reader
        for (const connection of [ears, hands]) connection.release(true)
      },
    }
  }

  async #read(
    own: OwnStatements,
    ears: PoolClient,
    hands: PoolClient,
    onJob: OnJob,
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      const heard = once(ears, 'notification', { signal }).catch(() => undefined)
      const step = await own.step(hands, null)
      for (const job of step.jobs) void onJob(job)
      if (step.jobs.length > 0) await step.settle()
      else await heard
    }
  }
}
