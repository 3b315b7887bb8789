import type { DeadLetterReason } from '@pgmq/core'
import { COUNTERS, HEADER } from '../../../core/src/headers.js'
import { DEFAULT_RETRY } from '../../../core/src/retry/policy.js'
import { counterOf, type Row, type Snapshot } from './snapshot.js'

/** The deliveries alone without an end that convict. */
export const CRASH_LIMIT = 3

/** What has truly happened to one job, since it was enqueued or redriven. */
export interface Job {
  readonly n: number
  /** `open`: its transaction has not ended. `none`: that was rolled back. */
  state: 'open' | 'committed' | 'none'
  /** Goes up when it is redriven, which begins its life anew. */
  life: number
  successes: number
  failures: number
  permanents: number
  /** Its handler took the process down. */
  kills: number
  /** It ran alone on record, in a row, and its process was lost to something else, or its lease. */
  losses: number
  /** An operator's. */
  archived: boolean
  deleted: boolean
  /** The process that has its lease, as far as that knows. */
  holder: Holder | null
}

/** A process, as far as blame goes. */
export interface Holder {
  /** No other job runs in it. */
  isAloneWith(job: Job): boolean
}

/** What a process can do next: for the choice of steps. */
export interface ProcessView extends Holder {
  readonly waiting: number
  readonly running: readonly RunView[]
  readonly mayLease: boolean
  readonly phase: 'running' | 'stopping' | 'aborting'
  /** That of a handler, which is open. */
  readonly transaction: { readonly run: RunView } | null
}

interface RunView {
  readonly job: Job
  readonly transaction: string
  readonly timedOut: boolean
}

export type Side = 'A' | 'B'
export const SIDES: readonly Side[] = ['A', 'B']

/** The model: what happened to every job, and therefore where it may be. */
export class Ledger {
  readonly jobs: Job[] = []
  readonly processes = {} as Record<Side, ProcessView>
  /** A producer's transaction is open. */
  producing = false
  /** The last commits were leases, which a crash of the server may take back. */
  leaseMayBeLost = false
  now: Snapshot | null = null
  readonly #deletes: boolean

  /** `deletes`: success leaves no trace. */
  constructor(deletes: boolean) {
    this.#deletes = deletes
  }

  add(state: 'open' | 'committed'): Job {
    const job: Job = { n: this.jobs.length, state, life: 0, archived: false, deleted: false, ...newLife() }
    this.jobs.push(job)
    return job
  }

  job(n: number): Job {
    const job = this.jobs[n]
    if (!job) throw new Error(`there is a message ${n} that nobody enqueued`)
    return job
  }

  /** It is back from the dead-letter queue. */
  redriven(job: Job): void {
    Object.assign(job, newLife(), { life: job.life + 1 })
  }

  /** A delivery ended on record, and its handler had run: nothing before it counts. */
  endedOnRecord(job: Job): void {
    job.losses = 0
  }

  /** Its holder is lost, or its lease. */
  lost(job: Job): void {
    if (job.holder?.isAloneWith(job) && this.aloneOnRecord(job) > 0) job.losses++
    job.holder = null
  }

  aloneOnRecord(job: Job): number {
    const row = this.now?.inQueue(job.n)
    return row ? counterOf(row, HEADER.alone) : 0
  }

  /** What is assumed: not three times in a row while it runs alone. Whether one more such loss would be the third. */
  wouldConvict(job: Job): boolean {
    return job.kills === 0 && job.losses === CRASH_LIMIT - 1 && job.holder?.isAloneWith(job) === true
  }

  heldBy(holder: Holder): readonly Job[] {
    return this.jobs.filter((job) => job.holder === holder)
  }

  /** Throws where a job is not where it may be. */
  check(now: Snapshot): void {
    this.now = now
    for (const { n } of now.rows) this.job(n)
    for (const job of this.jobs) {
      const problem = this.#problemOf(job, now.of(job.n))
      if (problem) throw new Error(`job ${job.n} ${problem}: ${JSON.stringify({ ...job, holder: !!job.holder })}`)
    }
  }

  #problemOf(job: Job, rows: readonly Row[]): string | null {
    if (job.state !== 'committed' || job.deleted) return rows.length > 0 ? 'is there, and may not be' : null
    const [row] = rows
    if (!row) return this.#deletes && job.successes > 0 ? null : 'is lost'
    if (rows.length > 1) return `is ${rows.length} times there: ${rows.map(({ place }) => place).join(', ')}`
    switch (row.place) {
      case 'queue':
        return wrongCounter(job, row)
      case 'archive':
        return job.archived || job.successes > 0 ? null : 'is archived, and never succeeded'
      case 'letters':
        return wrongLetter(job, row)
    }
  }
}

const newLife = (): Pick<Job, 'successes' | 'failures' | 'permanents' | 'kills' | 'losses' | 'holder'> => ({
  successes: 0,
  failures: 0,
  permanents: 0,
  kills: 0,
  losses: 0,
  holder: null,
})

function wrongCounter(job: Job, row: Row): string | null {
  if (counterOf(row, HEADER.failures) > job.failures)
    return `failed less often than ${JSON.stringify(row.headers)} says`
  if (counterOf(row, HEADER.ended) > row.readCount) return `ended more often than it was delivered`
  return null
}

function wrongLetter(job: Job, row: Row): string | null {
  const left = COUNTERS.filter((name) => name in row.headers)
  if (left.length > 0) return `is a dead letter that still has ${left.join(', ')}`
  return isDeserved(row.reason as DeadLetterReason, job) ? null : `is dead-lettered as ${row.reason}, which is not so`
}

function isDeserved(reason: DeadLetterReason, { failures, permanents, kills, losses }: Job): boolean {
  switch (reason) {
    case 'retries_exhausted':
    case 'timed_out':
      return failures > DEFAULT_RETRY.maxRetries
    case 'permanent':
      return permanents > 0
    case 'crash_loop':
      return kills > 0 && kills + losses >= CRASH_LIMIT
    // Every body here fits, and a worker that knows the task comes in time.
    case 'invalid_input':
    case 'unknown_task':
      return false
  }
}
