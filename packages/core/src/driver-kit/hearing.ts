import type { SqlExecutor } from '../driver.js'
import { onChannel, PROCESS_ID } from '../statements/listening.js'
import { endsWithin } from './ends-within.js'
import type { Line } from './line.js'

/** None of these can be long in coming. */
const SOON = { timeoutMs: 10_000 }
const PROBE_CHANNEL = 'pgmq.probe'
const PROBE_MS = 2_000

export async function ask(executor: SqlExecutor, verb: 'listen' | 'notify', channel: string): Promise<void> {
  await executor.query(onChannel(verb, channel), [], SOON)
}

/** The number of the server's process, and a sign of life. */
export async function processId(executor: SqlExecutor): Promise<string | null | undefined> {
  const [row] = await executor.query(PROCESS_ID, [], SOON)
  return row?.pid
}

/**
 * Rejects when notifications do not come through: a pooler in transaction mode accepts LISTEN and delivers nothing. Where
 * the server's process is the one that the connection was told of, nothing is in between; else a notification from
 * elsewhere decides, for a pooler in session mode is fine.
 */
export async function proveHearing(line: Line, elsewhere: SqlExecutor): Promise<void> {
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
