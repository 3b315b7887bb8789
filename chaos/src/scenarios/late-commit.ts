import { setTimeout as sleep } from 'node:timers/promises'
import type { Scenario } from '../scenario.js'

const FOUND_WITHIN_MS = 1_200

export const lateCommit: Scenario = {
  name: 'late_commit',
  does: 'many jobs of one transaction that commits long after it began, on a busy queue; then the clock steps back',
  async run(stage) {
    const { fleet, producer, server, options } = stage
    await fleet.start(2)
    stage.load()
    await stage.baseline()
    await stage.during(async () => {
      const connection = await server.connect()
      const orders = Array.from({ length: options.long ? 20_000 : 2_000 }, () => ({ late: true, holdMs: 20 }))
      await producer.inTransaction(connection, orders, () => sleep(options.long ? 10_000 : 4_000))
      connection.release()
      const committedMs = Date.now()
      await stage.comesTrue('all of them are done', async () => (await undone(`message ? 'late'`)) === 0, 60)
      const found = await foundAfter(committedMs, `message ? 'late'`)
      stage.claim('they are found within 1.2 s of their commit', found < FOUND_WITHIN_MS, `${Math.round(found)} ms`)
    })
    await stage.after()
    await stage.claimRate('after', 0.95)

    // As rows look whose time was written by a clock that has been set back since.
    const steppedMs = Date.now()
    const stepped = await server.sql<{ id: string }>(
      `update pgmq.q_jobs set vt = vt - interval '1 hour'
       where msg_id in (select msg_id from pgmq.q_jobs where last_read_at is null order by msg_id desc limit 50) returning msg_id::text id`,
    )
    const ids = `msg_id = any('{${stepped.map(({ id }) => id).join()}}')`
    await stage.comesTrue('jobs from before a step of the clock are done', async () => (await undone(ids)) === 0, 20)
    const found = await foundAfter(steppedMs, ids)
    stage.claim(
      'they are found within 1.2 s',
      stepped.length > 0 && found < FOUND_WITHIN_MS,
      `${stepped.length} after ${Math.round(found)} ms`,
    )

    async function undone(which: string): Promise<number> {
      const [row] = await server.sql<{ count: number }>(`select count(*)::int count from pgmq.q_jobs where ${which}`)
      return row?.count ?? 0
    }
    /** When the first of them was leased. */
    async function foundAfter(sinceMs: number, which: string): Promise<number> {
      const [row] = await server.sql<{ ms: number }>(
        `select (extract(epoch from min(at)) * 1000 - $1)::float8 ms from chaos.log
         where op = 'leased' and msg_id in (select msg_id from pgmq.a_jobs where ${which})`,
        [sinceMs],
      )
      return row?.ms ?? Number.POSITIVE_INFINITY
    }
  },
}
