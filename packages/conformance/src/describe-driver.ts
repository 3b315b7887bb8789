import { describeDatabase } from '@pgmq/test-database'
import { describe } from 'vitest'
import { acknowledging } from './concerns/acknowledging.js'
import { deadlocks } from './concerns/deadlocks.js'
import { disconnects } from './concerns/disconnects.js'
import { errors } from './concerns/errors.js'
import { isolation } from './concerns/isolation.js'
import { limits } from './concerns/limits.js'
import { notifications } from './concerns/notifications.js'
import { races } from './concerns/races.js'
import { receipts } from './concerns/receipts.js'
import { statements } from './concerns/statements.js'
import { times } from './concerns/times.js'
import { transactions } from './concerns/transactions.js'
import { values } from './concerns/values.js'
import { working } from './concerns/working.js'
import type { DriverSpec } from './driver-spec.js'
import { useSubject } from './subject.js'

const CONCERNS = {
  values,
  times,
  errors,
  limits,
  disconnects,
  notifications,
  statements,
  receipts,
  races,
  transactions,
  isolation,
  acknowledging,
  deadlocks,
  working,
}

/**
 * All that core asks of a driver, on a real PostgreSQL.
 *
 * @example
 * describeDriver({
 *   name: 'pg Pool',
 *   setup(url) {
 *     const pool = new pg.Pool({ connectionString: url })
 *     return { driver: createDriver(pool), transaction: …, close: () => pool.end() }
 *   },
 * })
 */
export function describeDriver<Connection>(spec: DriverSpec<Connection>): void {
  describeDatabase(spec.name, () => {
    const subject = useSubject(spec)
    for (const [name, concern] of Object.entries(CONCERNS)) describe(name, () => concern(subject))
  })
}
