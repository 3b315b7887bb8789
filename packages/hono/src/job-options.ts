import type { EnqueueOptions } from '@pgmq/core'
import type { JobOptions } from './schemas.js'

/** What JSON says of a job, as the client takes it. */
export function optionsOf({ delaySeconds, runAt, headers }: JobOptions): EnqueueOptions {
  return {
    ...(delaySeconds !== undefined && { delaySeconds }),
    ...(runAt !== undefined && { runAt: new Date(runAt) }),
    ...(headers !== undefined && { headers }),
  }
}
