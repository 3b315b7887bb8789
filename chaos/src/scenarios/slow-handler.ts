import type { Scenario } from '../scenario.js'

const VISIBILITY_SECONDS = 1

export const slowHandler: Scenario = {
  name: 'slow_handler',
  does: 'handlers outlive the visibility timeout several times; some hold a completeWith transaction open all the while',
  fleet: { visibilitySeconds: VISIBILITY_SECONDS, graceSeconds: 10 },
  async run(stage) {
    const { fleet, producer } = stage
    const [worker] = await fleet.start(1)
    const holdMs = 5 * VISIBILITY_SECONDS * 1000
    await producer.each(Array.from({ length: 14 }, () => ({ holdMs })))
    await producer.each(Array.from({ length: 2 }, () => ({ holdMs, completes: true })))
    await stage.comesTrue('all run', () => worker?.count('started') === 16, 10)
    // Another would take whatever runs out.
    await fleet.start(1)
    await stage.during(async () => {
      await stage.comesTrue('all are done', async () => (await stage.queueLength()) === 0, 30)
    })
    await stage.claimRanOnce()
    stage.claim('none was started a second time', fleet.count('started') === 16, fleet.count('started'))
  },
}
