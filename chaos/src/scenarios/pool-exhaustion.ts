import { setTimeout as sleep } from 'node:timers/promises'
import { takeAllConnections } from '../harms.js'
import type { Scenario } from '../scenario.js'
import { until } from '../until.js'

export const poolExhaustion: Scenario = {
  name: 'pool_exhaustion',
  does: 'idle strangers take all of the server’s connections; then handlers hold every connection of the user’s pool',
  server: { max_connections: 100 },
  async run(stage) {
    const { fleet, producer, server, options } = stage
    const workers = await fleet.start(2)
    stage.load()
    await stage.baseline()
    await stage.during(async () => {
      const strangers = await takeAllConnections(server)
      const down = await until(() => workers.every(({ health }) => health?.connected === false), 10_000)
      stage.claim('workers find no connection', down, `${strangers.count} strangers`)
      await sleep(options.seconds * 1000)
      await strangers.leave()
    })
    await stage.after()
    await stage.claimRecovery(5)
    const codes = [...producer.errors.keys()]
    stage.claim(
      'producers are told that nothing was written, and that they may try again',
      codes.includes('CONNECTION_LOST') &&
        codes.every((code) => code === 'CONNECTION_LOST' || code === 'OUTCOME_UNKNOWN'),
      codes.join(', '),
    )

    await stage.rest()
    for (const worker of workers) await worker.stop()
    const before = fleet.count('leaseLost')
    const held = { holdMs: 3_000 }
    await fleet.start(2, { handlersHoldPool: 4, concurrency: 8, visibilitySeconds: 1, graceSeconds: 10 })
    await producer.each(Array.from({ length: 16 }, () => held))
    await stage.comesTrue('jobs that hold the whole pool are done', async () => (await stage.queueLength()) === 0, 60)
    stage.claim(
      'no lease of theirs was lost for want of a connection',
      fleet.count('leaseLost') === before,
      fleet.count('leaseLost') - before,
    )
  },
}
