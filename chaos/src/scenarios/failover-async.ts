import type { EmbeddedPostgres } from '@pgmq/embedded'
import { type Reverted, revertedBy } from '../ledger.js'
import { TcpProxy } from '../proxy.js'
import type { Scenario } from '../scenario.js'
import { ask } from '../server.js'
import type { Stage } from '../stage.js'
import { findsPrimary, startStandby } from '../standby.js'
import { until } from '../until.js'
import type { WorkerHandle } from '../worker-handle.js'

const PER_SECOND = 200
/** After the cut: more than the 32 ids that a sequence is logged ahead of itself, so that some are handed out again. */
const UNHEARD = 400
const HELD = 8
/** Long enough to be in hand when the worker that is frozen meanwhile comes back. */
const HOLD_MS = 8_000
const BACK_SECONDS = 10
const WAIT_MS = 30_000

export const failoverAsync: Scenario = {
  name: 'failover_async',
  does: 'an asynchronous standby is cut off, the primary dies a while later, and the standby is promoted',
  fleet: { visibilitySeconds: 2 },
  between: 'proxy',
  async run(stage) {
    const { fleet, producer, server, proxy, options } = stage
    const line = await TcpProxy.listen(server.port)
    stage.afterwards(() => line.close())
    const standby = await startStandby(server, line.port)
    stage.afterwards(() => standby.stop({ mode: 'immediate' }))
    const where = findsPrimary(options.adapter, [server.port, standby.port])
    const [stale, other] = (await fleet.start(2, where)) as [WorkerHandle, WorkerHandle]
    producer.atRate(() => PER_SECOND)
    await stage.baseline()
    await stage.during(async () => {
      const heard = await cutOff(stage, standby, line)
      const atCut = producer.told
      await until(() => producer.told >= atCut + UNHEARD, WAIT_MS)
      await producer.stop()
      const ids = await holdBy(stage, stale, other)

      const { dataDir } = server
      await server.stop('immediate')
      const reverted = await revertedBy(dataDir, standby.port)
      await server.promote(standby)
      await enterReverted(stage, reverted, heard)
      proxy?.follow(standby.port)
      proxy?.dropAll()
      await handOutAgain(stage, other, ids)
      stale.resume()
      await refusesOldReceipts(stage, stale, other, ids)
    })
    producer.atRate(() => PER_SECOND)
    await stage.after()
    stage.claim(
      'workers follow the new primary',
      fleet.living.every(({ health }) => health?.connected),
    )
    await stage.claimNotified()
  },
}

/** From here on the standby hears nothing. Resolves to how many jobs had been told by then, all of which it has. */
async function cutOff({ producer, server }: Stage, standby: EmbeddedPostgres, line: TcpProxy): Promise<number> {
  const { told } = producer
  const [now] = await server.sql<{ lsn: string }>('select pg_current_wal_lsn()::text lsn')
  const replayed = async (): Promise<boolean> =>
    (await ask(standby.port, 'select where pg_last_wal_replay_lsn() >= $1::pg_lsn', [now?.lsn])).length > 0
  if (!(await until(replayed, WAIT_MS))) throw new Error('the standby does not follow its primary')
  line.goSilent()
  return told
}

/** Only `stale` takes these jobs, and is frozen over them. Every other one will have ended when it comes back. */
async function holdBy({ producer }: Stage, stale: WorkerHandle, other: WorkerHandle): Promise<ReadonlySet<string>> {
  other.pause()
  await producer.each(Array.from({ length: HELD }, (_, i) => ({ holdMs: i % 2 ? 2_000 : 60_000 })))
  const ids = new Set(producer.entries.slice(-HELD).map(({ id }) => id ?? ''))
  const started = await until(() => stale.told('started', ids).size === HELD, WAIT_MS)
  stale.pause()
  other.resume()
  if (!started) throw new Error(`${stale.name} did not start what only it could take`)
  return ids
}

async function enterReverted(stage: Stage, { numbers, archived }: Reverted, heard: number): Promise<void> {
  const { producer, server } = stage
  const before = producer.entries.filter(({ fate }) => fate === 'told').slice(0, heard)
  const lost = before.filter(({ n }) => numbers.has(n)).length
  stage.claim('what the standby never had is lost', numbers.size >= UNHEARD, `${numbers.size} jobs`)
  stage.claim('nothing that was committed before the cut is', lost === 0, `${lost} of ${before.length}`)
  producer.revert(numbers)
  await server.sql('insert into chaos.reverted select * from unnest($1::bigint[], $2::text[])', [
    archived.map(({ msg_id }) => msg_id),
    archived.map(({ receipt }) => receipt),
  ])
}

/** The new primary gives the ids that `stale` still holds to other jobs, which the other worker takes. */
async function handOutAgain({ producer }: Stage, other: WorkerHandle, ids: ReadonlySet<string>): Promise<void> {
  const answered = await until(async () => {
    await producer.each([{ holdMs: 0 }])
    return producer.entries.at(-1)?.fate === 'told'
  }, WAIT_MS)
  if (!answered) throw new Error('the new primary takes no jobs')
  const between = Math.min(...[...ids].map(Number)) - Number(producer.entries.at(-1)?.id) - 1
  if (between > 0) await producer.many(Array.from({ length: between }, () => ({ holdMs: 0 })))
  await producer.many(Array.from({ length: HELD }, () => ({ holdMs: HOLD_MS })))
  await until(() => other.told('started', ids).size === HELD, WAIT_MS)
}

async function refusesOldReceipts(
  stage: Stage,
  stale: WorkerHandle,
  other: WorkerHandle,
  ids: ReadonlySet<string>,
): Promise<void> {
  await stage.comesTrue(
    'the worker that comes back reports its leases of the old primary as lost',
    () => stale.told('leaseLost', ids).size === HELD,
    BACK_SECONDS,
  )
  const held = other.told('started', ids).size - other.told('succeeded', ids).size
  stage.claim('meanwhile the other had new jobs of the same ids in hand', held === HELD, `${held} of ${HELD}`)
  await stage.comesTrue('each of them is done', () => other.told('succeeded', ids).size === HELD, 2 * BACK_SECONDS)
}
