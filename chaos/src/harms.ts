import { setTimeout as sleep } from 'node:timers/promises'
import type { StopMode } from '@pgmq/embedded'
import pg from 'pg'
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

/** Strangers take every connection that the server has, those of workers and producers, too. */
export async function takeAllConnections(server: Server): Promise<{ count: number; leave: () => Promise<void> }> {
  const strangers: pg.Client[] = []
  /** Until it is refused. */
  const take = async (): Promise<void> => {
    for (;;) {
      const stranger = new pg.Client({ connectionString: server.url('stranger') })
      stranger.on('error', () => undefined)
      try {
        await stranger.connect()
      } catch {
        return
      }
      strangers.push(stranger)
    }
  }
  for (let round = 0; round < 5; round++) {
    await take()
    await server.sql(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where backend_type = 'client backend' and application_name not in ('books', 'stranger')`,
    )
    await Promise.all(Array.from({ length: 10 }, take))
  }
  const leave = async (): Promise<void> => void (await Promise.all(strangers.map((stranger) => stranger.end())))
  return { count: strangers.length, leave }
}

/** Statements by what only they say: it is the reply to one of these that gets lost. */
export const STATEMENTS = {
  enqueue: /insert into pgmq\."q_jobs" \(vt/,
  settle: /insert into pgmq\."a_jobs"/,
  extend: /vt = greatest\(/,
  release: /least\(q\.enqueued_at/,
} as const

/** A transaction that wrote, and then does nothing for a while: vacuum removes nothing meanwhile. */
export async function holdTransaction(server: Server, seconds: number): Promise<void> {
  const connection = await server.connect()
  try {
    await connection.query('begin')
    await connection.query('select pg_current_xact_id()')
    await sleep(seconds * 1000)
    await connection.query('rollback')
  } finally {
    connection.release()
  }
}
