import type { Scenario } from '../scenario.js'
import { findsPrimary, startSynchronousStandby } from '../standby.js'

export const failover: Scenario = {
  name: 'failover',
  does: 'the primary dies like in a power cut, and its synchronous standby is promoted',
  between: 'proxy',
  async run(stage) {
    const { fleet, proxy, server, options } = stage
    const standby = await startSynchronousStandby(server)
    stage.afterwards(() => standby.stop())
    const workers = await fleet.start(2, findsPrimary(options.adapter, [server.port, standby.port]))
    stage.load()
    await stage.baseline()
    await stage.during(async () => {
      await server.stop('immediate')
      await server.promote(standby)
      proxy?.follow(standby.port)
      proxy?.dropAll()
    })
    await stage.after()
    await stage.claimRecovery(5)
    stage.claim(
      'workers follow the new primary',
      workers.every(({ health }) => health?.connected),
    )
    await stage.claimNotified()
  },
}
