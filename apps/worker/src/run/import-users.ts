import { type Import, lastLine, markRead, type Producer, record } from '../database/imports.js'
import { throughOutages } from '../database/outage.js'
import type { Row } from '../users/row.js'
import type { UsersFile } from '../users/users-file.js'

export interface ImportOptions {
  readonly producer: Producer
  readonly file: UsersFile
  readonly batchSize: number
  /** Ends it between two batches. */
  readonly signal: AbortSignal
}

/** Records and enqueues every row that is not recorded yet. Goes on through outages, and beside other processes. */
export async function importUsers(into: Import, options: ImportOptions): Promise<void> {
  const { producer, file, batchSize, signal } = options
  const { pool } = producer
  let reached = await throughOutages(() => lastLine(pool, into), signal)
  let batch: Row[] = []
  for await (const row of file.rows()) {
    if (signal.aborted) return
    if (row.line <= reached) continue
    batch.push(row)
    if (batch.length < batchSize) continue
    reached = await recordBatch(into, reached, batch, options)
    batch = []
  }
  if (batch.length > 0) await recordBatch(into, reached, batch, options)
  if (!signal.aborted) await throughOutages(() => markRead(pool, into), signal)
}

/** Resolves to the line that is reached. */
async function recordBatch(
  into: Import,
  after: number,
  batch: readonly Row[],
  { producer, signal }: ImportOptions,
): Promise<number> {
  let reached = after
  await throughOutages(async () => {
    let rows = batch
    while (rows.length > 0 && !(await record(producer, into, reached, rows))) {
      reached = await lastLine(producer.pool, into)
      rows = batch.filter(({ line }) => line > reached)
    }
    reached = Math.max(reached, batch.at(-1)?.line ?? 0)
  }, signal)
  return reached
}
