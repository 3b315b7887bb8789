import type { SqlExecutor } from '@pgmq/core'
import type { Dedicated } from './dedicated.js'
import { endsWithin } from './hang-up.js'

/** None of these can be long in coming. */
const SOON = { timeoutMs: 10_000 }
const PROBE_CHANNEL = 'pgmq.probe'
const PROBE_MS = 2_000

export async function ask(executor: SqlExecutor, verb: 'listen' | 'notify', channel: string): Promise<void> {
  await executor.query(`${verb} "${channel.replaceAll('"', '""')}"`, [], SOON)
}

/** The number of the server's process, and a sign of life. */
export async function processId(executor: SqlExecutor): Promise<string | null | undefined> {
  const [row] = await executor.query('select pg_backend_pid() as pid', [], SOON)
  return row?.pid
}

/**
 * Rejects when notifications do not come through: a pooler in transaction mode accepts LISTEN and delivers nothing. Where
 * the server's process is the one that the connection was told of, nothing is in between; else a notification from
 * elsewhere decides, for a pooler in session mode is fine.
 */
export async function proveHearing(line: Dedicated, elsewhere: SqlExecutor): Promise<void> {
  const { executor } = line
  if ((await processId(executor)) === String(line.processId)) return
  const { onNotify } = line
  const heard = new Promise<void>((resolve) => {
    line.onNotify = (channel) => (channel === PROBE_CHANNEL ? resolve() : onNotify(channel))
  })
  await ask(executor, 'listen', PROBE_CHANNEL)
  await ask(elsewhere, 'notify', PROBE_CHANNEL)
  if (!(await endsWithin(heard, PROBE_MS))) throw new Error('no notifications')
}
