import type { Scenario } from '../scenario.js'
import { startStandby } from '../standby.js'

export const failover: Scenario = {
  name: 'failover',
  does: 'the primary dies like in a power cut, and its synchronous standby is promoted',
  between: 'proxy',
  async run(stage) {
    const { fleet, proxy, server, options } = stage
    const standby = await startStandby(server)
    // `pg` knows one host: a name that follows the primary, here the proxy. postgres.js finds it among several.
    const hosts = `127.0.0.1:${server.port},127.0.0.1:${standby.port}`
    const several = (name: string): string =>
      `postgres://postgres@${hosts}/postgres?application_name=${name}&target_session_attrs=read-write`
    const workers = await fleet.start(2, options.adapter === 'postgres-js' ? { url: several } : {})
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
