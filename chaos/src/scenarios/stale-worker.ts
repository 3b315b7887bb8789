import type { Scenario } from '../scenario.js'
import type { Stage } from '../stage.js'
import type { WorkerHandle } from '../worker-handle.js'

const VISIBILITY_SECONDS = 2
const HELD = 8
/** Who takes them over still has them in hand when the worker comes back, and would finish them, too. */
const HELD_MS = 6_000

export const staleWorker: Scenario = {
  name: 'stale_worker',
  does: 'a worker is stopped (SIGSTOP) past its leases, and continued',
  fleet: { visibilitySeconds: VISIBILITY_SECONDS },
  async run(stage) {
    const [stale, other] = (await stage.fleet.start(2)) as [WorkerHandle, WorkerHandle]
    stage.load()
    await stage.baseline()
    // So that only one of them takes these.
    other.pause()
    await stage.producer.each(Array.from({ length: HELD }, () => ({ holdMs: HELD_MS, held: true })))
    const long = await held(stage)
    await stage.comesTrue('it has begun jobs that take long', () => stale.told('started', long).size === HELD, 30)
    await stage.during(async () => {
      stale.pause()
      other.resume()
      await stage.comesTrue('the other begins them, too', () => other.told('started', long).size === HELD, 30)
      stale.resume()
      await stage.comesTrue('it reports its leases as lost', () => stale.told('leaseLost', long).size === HELD, 10)
    })
    await stage.comesTrue('what takes long is done', async () => (await held(stage)).size === 0, 30)
    await stage.after()
    await stage.claimRate('after', 0.95)
  },
}

/** Those of them that are in the queue. */
async function held({ server }: Stage): Promise<ReadonlySet<string>> {
  const rows = await server.sql<{ id: string }>(`select msg_id::text id from pgmq.q_jobs where message ? 'held'`)
  return new Set(rows.map(({ id }) => id))
}
