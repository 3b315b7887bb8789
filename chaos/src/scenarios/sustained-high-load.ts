import { setTimeout as sleep } from 'node:timers/promises'
import type { Scenario } from '../scenario.js'

/** What a flat memory may still do. */
const WITHIN = 1.6

export const sustainedHighLoad: Scenario = {
  name: 'sustained_high_load',
  does: 'half as much again as the workers can do, for a while; then half of it',
  async run(stage) {
    const { fleet, producer, options } = stage
    const workers = await fleet.start(2)
    stage.load()
    await stage.baseline()
    await producer.stop()
    const capacity = (await stage.rate('baseline')) ?? 0
    const rss = (): number => Math.max(...workers.map((worker) => worker.rss.at(-1) ?? 0))
    let backlog = 0
    let rssAtFirst = 0
    await stage.during(async () => {
      producer.atRate(() => 1.5 * capacity)
      const ms = (options.long ? 180 : 3 * options.seconds) * 1000
      // A heap that has just been started still grows into its room.
      await sleep(ms / 3)
      rssAtFirst = rss()
      await sleep((2 * ms) / 3)
      await producer.stop()
      backlog = await stage.queueLength()
    })
    producer.atRate(() => capacity / 2)
    await stage.after()
    stage.claim('there was a backlog', backlog > 0, backlog)
    const limit = Math.max(30, (4 * backlog) / Math.max(1, capacity))
    await stage.comesTrue(
      'the backlog drains',
      async () => (await stage.queueLength()) < capacity / 2,
      Math.round(limit),
    )
    const detail = `${Math.round(rssAtFirst / 1_048_576)} MB at first, ${Math.round(rss() / 1_048_576)} MB in the end`
    stage.claim('the memory of the workers is flat', rss() < WITHIN * rssAtFirst, detail)
    await stage.claimRate('during', 0.95)
  },
}
