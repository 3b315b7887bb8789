import { terminateBackends } from '../harms.js'
import type { Scenario } from '../scenario.js'

export const pgBackendKill: Scenario = {
  name: 'pg_backend_kill',
  does: 'pg_terminate_backend on connections of workers and producers, 2 a second',
  async run(stage) {
    const { fleet, server, random, options } = stage
    await fleet.start(2)
    stage.load()
    await stage.baseline()
    let ended = 0
    await stage.during(async () => {
      ended = await terminateBackends(server, random, {
        perSecond: 2,
        seconds: options.long ? 60 : 2 * options.seconds,
      })
    })
    await stage.after()
    stage.claim('connections were ended', ended > 0, ended)
    await stage.claimRate('during', 0.8)
    await stage.claimRate('after', 0.95)
    await stage.claimNotified()
  },
}
