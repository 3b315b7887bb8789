import type { Harm } from '../job.js'
import type { Scenario } from '../scenario.js'

const HARMS: readonly Harm[] = ['kills', 'hangs', 'throws']
const REASON: Readonly<Record<Harm, string>> = { kills: 'crash_loop', hangs: 'timed_out', throws: 'retries_exhausted' }

export const poison: Scenario = {
  name: 'poison',
  does: '1 % of jobs kill the process, 1 % hang, 1 % throw; workers are started again whenever they die',
  fleet: { visibilitySeconds: 1, timeoutSeconds: 1, maxRetries: 1, holdMs: 5, graceSeconds: 1 },
  async run(stage) {
    const { fleet, producer, random, options, server } = stage
    const hundreds = options.long ? 50 : 2
    const orders: { harm?: Harm }[] = Array.from({ length: hundreds * 100 }, () => ({}))
    for (const harm of HARMS) for (let i = 0; i < hundreds; i++) random.one(orders).harm = harm
    await producer.many(orders)
    await stage.during(async () => {
      await fleet.supervise(2)
      await stage.comesTrue(
        'every job is at its place',
        async () => (await stage.queueLength()) === 0,
        options.long ? 480 : 120,
      )
    })
    stage.claim('processes were killed', fleet.deaths > 0, fleet.deaths)

    const letters = await server.sql<{ harm: Harm; reason: string; count: number }>(
      `select message->'message'->>'harm' harm, message->>'reason' reason, count(*)::int count
       from pgmq.q_jobs_dlq group by 1, 2 order by 1, 2`,
    )
    stage.claim(
      'the poison is dead, each with its reason',
      HARMS.every((harm) => {
        const sent = orders.filter((order) => order.harm === harm).length
        return letters.some((letter) => letter.harm === harm && letter.reason === REASON[harm] && letter.count === sent)
      }),
      letters.map(({ harm, reason, count }) => `${count} that ${harm}: ${reason}`).join(', '),
    )
  },
}
