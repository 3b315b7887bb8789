import { setTimeout as sleep } from 'node:timers/promises'
import { restartPostgres } from '../harms.js'
import type { Scenario } from '../scenario.js'

export const postgresRestart: Scenario = {
  name: 'postgres_restart',
  does: 'PostgreSQL is stopped (fast, then immediate), and started again after a while',
  async run(stage) {
    const { fleet, server, options } = stage
    const workers = await fleet.start(2)
    stage.load()
    await stage.baseline()
    await stage.during(async () => {
      await restartPostgres(server, 'fast', options.long ? 10 : 4)
      await sleep(options.seconds * 1000)
      await restartPostgres(server, 'immediate', options.long ? 10 : 4)
    })
    await stage.after()
    await stage.claimRecovery(5)
    stage.claim(
      'each worker tells of the loss and the return, once each',
      workers.every(({ connections }) => connections.join() === 'true,false,true,false,true'),
      workers
        .map(({ name, connections }) => `${name}: ${connections.map((up) => (up ? 'up' : 'down')).join(' ')}`)
        .join(', '),
    )
    await stage.claimNotified()
  },
}
