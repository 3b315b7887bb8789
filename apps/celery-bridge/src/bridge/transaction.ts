import type pg from 'pg'

const ignore = (): void => {}

/** Locks end with their transaction; so one whose process is frozen, or waits, must not stay open. */
const BEGIN = `begin isolation level read committed;
  set local statement_timeout = '30s';
  set local idle_in_transaction_session_timeout = '60s'`

/** Commits what `work` did, or nothing of it. */
export async function inTransaction<T>(pool: pg.Pool, work: (tx: pg.PoolClient) => Promise<T>): Promise<T> {
  const tx = await pool.connect()
  // Without a listener, a connection that breaks between two statements would end the process.
  tx.on('error', ignore)
  let spoilt = true
  try {
    await tx.query(BEGIN)
    const result = await work(tx)
    await tx.query('commit')
    spoilt = false
    return result
  } catch (error) {
    spoilt = !(await tx.query('rollback').then(
      () => true,
      () => false,
    ))
    throw error
  } finally {
    tx.off('error', ignore)
    tx.release(spoilt)
  }
}
