import { freeze } from '../harms.js'
import type { Scenario } from '../scenario.js'
import type { WorkerHandle } from '../worker-handle.js'

const VISIBILITY_SECONDS = 2

export const staleWorker: Scenario = {
  name: 'stale_worker',
  does: 'a worker is stopped (SIGSTOP) past its leases, and continued',
  fleet: { visibilitySeconds: VISIBILITY_SECONDS },
  async run(stage) {
    const [stale, other] = (await stage.fleet.start(2)) as [WorkerHandle, WorkerHandle]
    stage.load()
    await stage.baseline()
    await stage.during(() => freeze(stale, 3 * VISIBILITY_SECONDS))
    await stage.comesTrue('it reports its leases as lost', () => stale.count('leaseLost') > 0, 10)
    await stage.after()
    await stage.claimRate('after', 0.95)

    await stage.producer.stop()
    const lost = stale.events.filter(({ event }) => event === 'leaseLost').map(({ id }) => id)
    const [taken] = await stage.server.sql<{ count: number }>(
      `select count(distinct msg_id)::int count from chaos.log where op = 'leased' and app = $1 and msg_id = any($2::bigint[])`,
      [other.name, lost],
    )
    stage.claim(
      'what it lost was taken by the other worker',
      (taken?.count ?? 0) > 0,
      `${lost.length} lost, ${taken?.count} taken by the other`,
    )
  },
}
