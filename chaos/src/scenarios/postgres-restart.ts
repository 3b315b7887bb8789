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
    // Its two connections may find out one after the other.
    const told = workers.map(({ connections }) => connections.filter((up) => !up).length)
    stage.claim(
      'each worker tells of the losses, and not of each attempt to connect',
      told.every((losses) => losses >= 2 && losses <= 4) && workers.every(({ connections }) => connections.at(-1)),
      workers.map(({ name }, i) => `${name}: ${told[i]}`).join(', '),
    )
    await stage.claimNotified()
  },
}
