import type { ClientBase } from 'pg'

/** The books are kept by `n`, from 0. */
export interface Job {
  readonly n: number
  /** When it was sent, by `clock()`; 0 where nobody asks. */
  readonly at: number
}

export type OnJob = (job: Job) => void | Promise<void>

export interface Consumer {
  /** Ends what is under way, and settles it. */
  stop(): Promise<void>
}

/** One queue system, used in its own best way. A process uses one, for one measure. */
export interface System {
  /** Schema and queue; once a database. */
  prepare(): Promise<void>
  enqueue(job: Job): Promise<unknown>
  /** One call. */
  enqueueMany(jobs: readonly Job[]): Promise<unknown>
  /** In a transaction of the caller's, where the system can. */
  enqueueIn?(transaction: ClientBase, job: Job): Promise<unknown>
  /** One look for work, as a worker's that has just woken; the queue is empty. */
  look?(): Promise<unknown>
  consume(handlers: number, onJob: OnJob): Promise<Consumer>
  /** Jobs that are not finished. */
  left(): Promise<number>
  /** Jobs that are kept as finished; `null` where they are deleted. */
  kept(): Promise<number | null>
  close(): Promise<void>
}

/** How a system is made, and what is said of it. */
export interface SystemKind {
  /** As the tables have it. */
  readonly title: string
  /** The settings that make it fast, as its documentation has them. */
  readonly settings: string
  readonly store: 'postgres' | 'redis'
  /** Loads its code, so that a process has none of another system in its memory. */
  create(url: string): Promise<System>
}

/** Milliseconds, the same in every process of this machine. */
export const clock = (): number => performance.timeOrigin + performance.now()
