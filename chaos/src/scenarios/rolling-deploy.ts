import { setTimeout as sleep } from 'node:timers/promises'
import type { Scenario } from '../scenario.js'

const NEW_JOBS = 100

export const rollingDeploy: Scenario = {
  name: 'rolling_deploy',
  does: 'producers send a new task while old workers still run; new workers come later, and the old ones leave',
  async run(stage) {
    const { fleet, producer, options } = stage
    const old = await fleet.start(2)
    stage.load()
    await stage.baseline()
    await stage.during(async () => {
      await producer.newTask(Array.from({ length: NEW_JOBS }, () => ({})))
      await sleep(options.long ? 60_000 : options.seconds * 1000)
      await fleet.start(2, { knowsRenewed: true })
      for (const worker of old) stage.claim(`${worker.name} leaves cleanly`, (await worker.stop()) === null)
    })
    await stage.after()
    await stage.claimRate('after', 0.95)
    await stage.rest()
    const [done] = await stage.server.sql<{ count: number }>(
      `select count(*)::int count from pgmq.a_jobs where message->>'task' = 'renewed'`,
    )
    stage.claim(
      'every job of the new task is done, none dead',
      done?.count === NEW_JOBS,
      `${done?.count} of ${NEW_JOBS}`,
    )
    await stage.claimRanOnce()
  },
}
