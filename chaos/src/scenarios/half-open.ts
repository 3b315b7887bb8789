import { setTimeout as sleep } from 'node:timers/promises'
import type { Scenario } from '../scenario.js'

/** A third of it is the time-out of each of a worker's own statements. */
const VISIBILITY_SECONDS = 6
/** An attempt to connect that began while nobody spoke is given up after ten seconds. */
const RECOVERS_SECONDS = 12

export const halfOpen: Scenario = {
  name: 'half_open',
  does: 'a proxy before the server accepts, and says nothing; later it does again, to those who come anew',
  fleet: { visibilitySeconds: VISIBILITY_SECONDS, queryTimeoutSeconds: 4 },
  between: 'proxy',
  async run(stage) {
    const { fleet, producer, proxy, options } = stage
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
    const codes = [...producer.errors.keys()]
    stage.claim(
      'every call of a producer is answered, if only by what cannot be told',
      codes.length > 0 && codes.every((code) => code === 'CONNECTION_LOST' || code === 'OUTCOME_UNKNOWN'),
      codes.join(', '),
    )
    await stage.claimNotified()
  },
}
