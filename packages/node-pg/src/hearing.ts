import type { SqlExecutor } from '@pgmq/core'
import type { Dedicated } from './dedicated.js'
import { endsWithin } from './hang-up.js'

const REPLY_TIMEOUT_MS = 10_000
const PROBE_CHANNEL = 'pgmq.probe'
const PROBE_MS = 2_000

/** A statement whose answer cannot be long in coming. */
export function ask(executor: SqlExecutor, text: string): ReturnType<SqlExecutor['query']> {
  return executor.query(text, [], { timeoutMs: REPLY_TIMEOUT_MS })
}

export async function askFor(executor: SqlExecutor, verb: 'listen' | 'notify', channel: string): Promise<void> {
  await ask(executor, `${verb} "${channel.replaceAll('"', '""')}"`)
}

/**
 * Rejects when notifications do not come through: a pooler in transaction mode accepts LISTEN and delivers nothing. Where
 * the server's process is the one that the connection was told of, nothing is in between; else a notification from
 * elsewhere decides, for a pooler in session mode is fine.
 */
export async function proveHearing({ client, executor }: Dedicated, elsewhere: SqlExecutor): Promise<void> {
  const [row] = await ask(executor, 'select pg_backend_pid() as pid')
  if (row?.pid === String(client.processID)) return
  const heard = new Promise<void>((resolve) => {
    client.on('notification', ({ channel }: { readonly channel: string }) => {
      if (channel === PROBE_CHANNEL) resolve()
    })
  })
  await askFor(executor, 'listen', PROBE_CHANNEL)
  await askFor(elsewhere, 'notify', PROBE_CHANNEL)
  if (!(await endsWithin(heard, PROBE_MS))) throw new Error('no notifications')
}
