import type pg from 'pg'

const ignore = (): void => {}

/** Commits what `work` did, or nothing of it. */
export async function inTransaction<T>(pool: pg.Pool, work: (tx: pg.PoolClient) => Promise<T>): Promise<T> {
  const tx = await pool.connect()
  // Without a listener, a connection that breaks between two statements would end the process.
  tx.on('error', ignore)
  let spoilt = true
  try {
    await tx.query('begin isolation level read committed')
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
