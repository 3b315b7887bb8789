import type { Scenario } from '../scenario.js'

export const eventBurst: Scenario = {
  name: 'event_burst',
  does: 'very many jobs at once, then nothing; and very many that are delayed, ahead of the few that are not',
  fleet: { holdMs: 0 },
  async run(stage) {
    const { fleet, producer, server, options } = stage
    const jobs = options.long ? 1_000_000 : 30_000
    const seconds = options.long ? 900 : 120
    await fleet.start(2)
    stage.load()
    await stage.baseline()
    await stage.rest()
    await stage.during(async () => {
      await producer.burst(jobs)
      await stage.comesTrue('the burst is done', async () => (await stage.queueLength()) === 0, seconds)
    })
    await stage.claimRate('during', 0.5)

    await server.sql(
      `insert into pgmq.q_jobs (vt, message) select now() + interval '1 day', '{"task": "job"}' from generate_series(1, $1)`,
      [jobs],
    )
    const worst = Math.max(...(await stage.pickups()))
    stage.claim(
      'a job is picked up at once though as many delayed ones are ahead',
      worst < 300,
      `${Math.round(worst)} ms at worst`,
    )
    await server.sql(`delete from pgmq.q_jobs where vt > now() + interval '1 hour'`)
  },
}
