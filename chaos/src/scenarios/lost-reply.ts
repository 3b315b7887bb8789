import { STATEMENTS } from '../harms.js'
import type { Scenario } from '../scenario.js'
import { until } from '../until.js'

const TIMES = 5

export const lostReply: Scenario = {
  name: 'lost_reply',
  does: 'a proxy cuts the connection after the server ran enqueue, settle, extend or release, before its reply',
  // A prepared statement is not said a second time, so the proxy would not know it.
  fleet: { visibilitySeconds: 3, preparedStatements: false },
  between: 'proxy',
  async run(stage) {
    const { fleet, proxy } = stage
    if (!proxy) return
    await fleet.start(2)
    stage.load()
    await stage.baseline()
    await stage.during(async () => {
      for (const verb of ['enqueue', 'settle', 'extend'] as const) {
        const before = proxy.cut
        proxy.cutAfter(STATEMENTS[verb], TIMES)
        await stage.comesTrue(`the replies to ${TIMES} × ${verb} are lost`, () => proxy.cut >= before + TIMES, 20)
      }
      stage.claim(
        'a settled job counts as done, not as a lost lease',
        fleet.count('leaseLost') === 0,
        fleet.count('leaseLost'),
      )
      const leaving = await fleet.startOne()
      await until(() => leaving.count('succeeded') > 0, 10_000)
      const before = proxy.cut
      proxy.cutAfter(STATEMENTS.release, 1)
      stage.claim('a worker that leaves stops cleanly', (await leaving.stop()) === null)
      stage.claim('the reply to its release was lost', proxy.cut > before)
    })
    await stage.after()
    await stage.claimRate('after', 0.95)
    await stage.rest()
    const again = await stage.ranAgain()
    stage.claim('each job ran once', again === 0, again)
  },
}
