import type { EnqueueResult } from '@pgmq/node-pg'

/** The one queue of every scenario. */
export const QUEUE = 'jobs'

/** What a job does to the process that runs it. */
export type Harm = 'kills' | 'hangs' | 'throws'

/** A job's input. `n` is the producer's own number for it, so that what got no reply can be looked for. */
export interface Job {
  readonly n: number
  /** How long its handler takes, before it writes its effect. @defaultValue the worker's */
  readonly holdMs?: number
  readonly harm?: Harm
  /** The effect is written, and the job completed, in one transaction that is open all the while. */
  readonly completes?: boolean
  readonly [more: string]: unknown
}

/**
 * `told`: its id came back. `doubt`: no reply, it may be there. `refused`: it was certainly not written. `reverted`: told,
 * and then taken back by a failover to a standby that had never heard of it.
 */
export type Fate = 'told' | 'doubt' | 'refused' | 'reverted'

/** A line of the producer's own records. */
export interface Entry {
  readonly n: number
  readonly fate: Fate
  readonly id: EnqueueResult['id'] | null
  readonly harm: Harm | null
}
