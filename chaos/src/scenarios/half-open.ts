import { setTimeout as sleep } from 'node:timers/promises'
import { NO_ANSWER } from '../producer.js'
import type { Scenario } from '../scenario.js'

/** A third of it is the time-out of each of a worker's own statements. */
const VISIBILITY_SECONDS = 6
/** An attempt to connect that began while nobody spoke is given up after ten seconds. */
const RECOVERS_SECONDS = 12

export const halfOpen: Scenario = {
  name: 'half_open',
  does: 'a proxy before the server accepts, and says nothing; later it does again, to those who come anew',
  fleet: { visibilitySeconds: VISIBILITY_SECONDS },
  between: 'proxy',
  async run(stage) {
    const { fleet, proxy, options } = stage
    const workers = await fleet.start(2)
    stage.load()
    await stage.baseline()
    await stage.during(async () => {
      proxy?.goSilent()
      await stage.comesTrue(
        'each worker notices within its time-out',
        () => workers.every(({ health }) => health?.connected === false),
        VISIBILITY_SECONDS / 3 + VISIBILITY_SECONDS / 3 + 1,
      )
      await sleep(options.seconds * 1000)
      proxy?.speakAgain()
    })
    await stage.after(RECOVERS_SECONDS)
    await stage.claimRecovery(RECOVERS_SECONDS)
    await stage.rest()
    stage.claim(
      'every call of a producer is answered',
      !stage.producer.errors.has(NO_ANSWER),
      stage.producer.errors.get(NO_ANSWER),
    )
    await stage.claimNotified()
  },
}
