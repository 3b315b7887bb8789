import type { WorkerHealth } from '@pgmq/node-pg'

export type Adapter = 'node-pg' | 'postgres-js'

/** How a worker process is to be; told it as JSON. */
export interface WorkerSettings {
  /** Of its connections too, so the audit knows who did what. */
  readonly name: string
  readonly url: string
  /** Where handlers write: over `pg`, whatever the adapter. */
  readonly effectsUrl: string
  readonly adapter: Adapter
  readonly concurrency: number
  readonly visibilitySeconds: number
  readonly timeoutSeconds: number
  readonly graceSeconds: number
  readonly maxRetries: number
  /** How long a handler takes that its job does not tell. */
  readonly holdMs: number
  /** Beside `job`: what a later release of the program knows. */
  readonly knowsRenewed: boolean
  readonly preparedStatements: boolean
  /** Of each statement of its client, and of the producer's. */
  readonly queryTimeoutSeconds: number
  /** The client works on a pool of this program's, so many connections wide, and each handler holds one of them. */
  readonly handlersHoldPool: number | null
  /** Its clock is so far off. */
  readonly clockOffsetMs: number
}

export type WorkerEventName =
  | 'started'
  | 'succeeded'
  | 'retried'
  | 'deadLettered'
  | 'timedOut'
  | 'leaseLost'
  | 'released'
  | 'crashed'
  | 'parked'

export interface WorkerEvent {
  readonly event: WorkerEventName
  readonly id: string
  /** Names the delivery. */
  readonly receipt: string
  readonly readCount: number
  readonly atMs: number
  readonly detail?: string
}

/** What a worker process tells its parent. */
export type Report =
  | { readonly kind: 'ready' }
  | { readonly kind: 'events'; readonly events: readonly WorkerEvent[] }
  | { readonly kind: 'connection'; readonly up: boolean }
  | { readonly kind: 'state'; readonly rssBytes: number; readonly health: WorkerHealth }
  | { readonly kind: 'stopped' }
