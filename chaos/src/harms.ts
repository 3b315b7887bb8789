import { setTimeout as sleep } from 'node:timers/promises'
import type { StopMode } from '@pgmq/embedded'
import type { Random } from './random.js'
import type { Server } from './server.js'
import type { WorkerHandle } from './worker-handle.js'

/** The server goes away, and comes back on the same port with the same data. */
export async function restartPostgres(server: Server, mode: StopMode, awaySeconds: number): Promise<void> {
  await server.stop(mode)
  await sleep(awaySeconds * 1000)
  await server.startAgain()
}

/** Ends so many connections a second, whosever they are, but for the book-keeper's. Resolves to how many. */
export async function terminateBackends(
  server: Server,
  random: Random,
  { perSecond, seconds }: { readonly perSecond: number; readonly seconds: number },
): Promise<number> {
  let ended = 0
  for (let i = 0; i < perSecond * seconds; i++) {
    const backends = await server.sql<{ pid: number }>(
      `select pid from pg_stat_activity where backend_type = 'client backend' and application_name <> 'books' order by pid`,
    )
    if (backends.length > 0) {
      await server.sql('select pg_terminate_backend($1)', [random.one(backends).pid])
      ended++
    }
    await sleep(1000 / perSecond)
  }
  return ended
}

/** A process that does not run for a while, as when its machine swaps or is migrated. It does not know. */
export async function freeze(worker: WorkerHandle, seconds: number): Promise<void> {
  worker.pause()
  await sleep(seconds * 1000)
  worker.resume()
}
