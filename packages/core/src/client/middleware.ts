import type { JsonObject } from '../json.js'
import type { EnqueueOptions, EnqueueResult } from './pgmq-client.js'

/** A job on its way into its queue. */
export interface EnqueueRequest {
  /** Without the client's prefix. */
  readonly queue: string
  /** As it will be stored, `task` included. */
  readonly body: JsonObject
  readonly options: EnqueueOptions
  /** Of the task's contract; 1 where a bare queue was named. */
  readonly version: number
}

/**
 * Around an enqueue: may change the jobs, or look at the results. Must return one result a job, in order.
 *
 * @example const stamp: EnqueueMiddleware = (jobs, next) => next(jobs.map((job) => ({ ...job, options: { ...job.options, headers: { ...job.options.headers, tenant } } })))
 */
export type EnqueueMiddleware = (
  jobs: readonly EnqueueRequest[],
  next: (jobs: readonly EnqueueRequest[]) => Promise<readonly EnqueueResult[]>,
) => Promise<readonly EnqueueResult[]>

type Enqueue = (jobs: readonly EnqueueRequest[]) => Promise<readonly EnqueueResult[]>

/** One function of a chain of them, the first outermost. */
export function chain(middleware: readonly EnqueueMiddleware[], innermost: Enqueue): Enqueue {
  return middleware.reduceRight<Enqueue>((next, step) => (jobs) => step(jobs, next), innermost)
}
