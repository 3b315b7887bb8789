import { onTestFinished } from 'vitest'
import type { Subject } from './subject.js'
import { until } from './support.js'

/** More than any pool here has. */
const EVERY_CONNECTION = 40

/** Ends every connection but the one that asks. The tests that follow find the driver recovered. */
export async function endConnections<C>(d: Subject<C>): Promise<void> {
  // What a pool keeps of a broken connection may reject once more, truthfully.
  onTestFinished(() => until('it has recovered', () => answersOnEach(d)) as Promise<never>)
  await d
    .sql(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'`,
    )
    .catch(() => undefined)
}

async function answersOnEach<C>(d: Subject<C>): Promise<boolean> {
  const asked = Array.from({ length: EVERY_CONNECTION }, () =>
    d.driver.executor.query('select pg_sleep(0.01)::text', []),
  )
  const answers = await Promise.allSettled(asked)
  return answers.every(({ status }) => status === 'fulfilled')
}
