import type { Scenario } from '../scenario.js'

const HOUR_MS = 3_600_000

export const clock: Scenario = {
  name: 'clock',
  does: 'workers whose clocks are an hour fast, and an hour slow',
  async run(stage) {
    const { fleet } = stage
    const right = await fleet.start(2)
    stage.load()
    await stage.baseline()
    await stage.during(async () => {
      await fleet.start(1, { clockOffsetMs: HOUR_MS })
      await fleet.start(1, { clockOffsetMs: -HOUR_MS })
      for (const worker of right) stage.claim(`${worker.name} leaves cleanly`, (await worker.stop()) === null)
    })
    await stage.after()
    await stage.claimRate('after', 0.95)
    await stage.rest()
    await stage.claimRanOnce()
    await stage.claimNotified()
  },
}
