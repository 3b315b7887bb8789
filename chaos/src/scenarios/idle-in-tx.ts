import type { Scenario } from '../scenario.js'

export const idleInTx: Scenario = {
  name: 'idle_in_tx',
  does: 'a transaction that wrote stays open for the whole run, so vacuum removes nothing',
  fleet: { holdMs: 0 },
  async run(stage) {
    const { fleet, producer, server, options } = stage
    const jobs = options.long ? 300_000 : 30_000
    const idle = await server.connect()
    try {
      await idle.query('begin')
      await idle.query('create table chaos.idle (a int)')
      await producer.burst(jobs)
      await stage.during(async () => {
        await fleet.start(1)
        const seconds = options.long ? 600 : 120
        await stage.comesTrue('all are done', async () => (await stage.queueLength()) === 0, seconds)
      })
      const [first, last] = await fifths()
      const share = `${Math.round(first)}/s at first, ${Math.round(last)}/s at last`
      stage.claimOfRate('the last fifth has at least 80 % of the first fifth’s rate', last >= 0.8 * first, share)
      const worst = Math.max(...(await stage.pickups(10)))
      stage.claim(
        'a job enqueued meanwhile starts within 1.2 s',
        worst < 1_200,
        `${Math.round(worst)} ms at worst of 10`,
      )
    } finally {
      await idle.query('rollback')
      idle.release()
    }

    async function fifths(): Promise<[first: number, last: number]> {
      const rows = await server.sql<{ rate: number }>(
        `select (count(*) / greatest(extract(epoch from max(archived_at) - min(archived_at)), 0.001))::float8 rate
         from (select archived_at, ntile(5) over (order by archived_at) fifth from pgmq.a_jobs) a group by fifth order by fifth`,
      )
      return [rows[0]?.rate ?? 0, rows[4]?.rate ?? 0]
    }
  },
}
