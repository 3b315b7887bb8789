import { setTimeout as sleep } from 'node:timers/promises'
import type { Scenario } from '../scenario.js'
import type { Stage } from '../stage.js'

const VISIBILITY_SECONDS = 4
/** What ran out is found by a look at the whole queue, once a second. */
const FOUND_SECONDS = 1.5

export const crashRecovery: Scenario = {
  name: 'crash_recovery',
  does: 'two workers, one gets SIGKILL under load and is started again later',
  fleet: { visibilitySeconds: VISIBILITY_SECONDS },
  async run(stage) {
    const { fleet } = stage
    const [victim] = await fleet.start(2)
    stage.load()
    await stage.baseline()
    let killedMs = 0
    await stage.during(async () => {
      await victim?.kill()
      killedMs = Date.now()
      await sleep((VISIBILITY_SECONDS + 2) * 1000)
      await fleet.start()
    })
    await stage.after()
    await stage.claimRate('after', 0.95)

    const back = await comeBack(stage, victim?.name ?? '', killedMs + (VISIBILITY_SECONDS + FOUND_SECONDS) * 1000)
    stage.claim(
      'what the killed worker had leased comes back within its visibility timeout, before all that came later',
      back.leases > 0 && back.late === 0,
      `${back.leases} leases, ${back.late} late`,
    )
  },
}

/** The unfinished leases of a worker, and how many of them came after a job that was enqueued only when they were due. */
async function comeBack(stage: Stage, worker: string, dueMs: number): Promise<{ leases: number; late: number }> {
  const [found] = await stage.server.sql<{ leases: number; late: number }>(
    `with later as (
       select min(l.seq) seq from chaos.log e join chaos.log l on l.msg_id = e.msg_id and l.op = 'leased'
       where e.op = 'enqueued' and e.at > to_timestamp($2 / 1000.0)),
     unfinished as (
       select again.seq from (select distinct on (msg_id) msg_id, seq from chaos.log
         where app = $1 and op in ('leased', 'renewed') order by msg_id, seq desc) last
       left join lateral (select seq, op, app from chaos.log l where l.msg_id = last.msg_id and l.seq > last.seq
                          order by l.seq limit 1) again on true
       where again.app is distinct from $1)
     select count(*)::int leases, count(*) filter (where u.seq is null or u.seq > later.seq)::int late
     from unfinished u, later`,
    [worker, dueMs],
  )
  return found ?? { leases: 0, late: 0 }
}
