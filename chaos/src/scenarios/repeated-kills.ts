import { setTimeout as sleep } from 'node:timers/promises'
import type { Scenario } from '../scenario.js'

const EVERY_MS = 2_000

export const repeatedKills: Scenario = {
  name: 'repeated_kills',
  does: 'every few seconds a worker gets SIGKILL, and another takes its place',
  async run(stage) {
    const { fleet, random, options } = stage
    await fleet.start(2)
    stage.load()
    await stage.baseline()
    await stage.during(async () => {
      const kills = Math.ceil(((options.long ? 60 : 3 * options.seconds) * 1000) / EVERY_MS)
      for (let i = 0; i < kills; i++) {
        await random.one(fleet.living).kill()
        await Promise.all([fleet.start(), sleep(EVERY_MS)])
      }
    })
    await stage.after()
    await stage.claimRate('after', 0.95)
  },
}
