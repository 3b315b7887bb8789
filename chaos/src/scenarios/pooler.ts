import type { Scenario } from '../scenario.js'

export const pooler: Scenario = {
  name: 'pooler',
  does: 'PgBouncer in transaction mode stands between, with prepared statements off',
  fleet: { preparedStatements: false },
  between: 'pooler',
  async run(stage) {
    const { fleet, random } = stage
    await fleet.start(2)
    stage.load()
    await stage.baseline()
    await stage.during(async () => {
      await random.one(fleet.living).kill()
      await fleet.start()
    })
    await stage.after()
    await stage.claimRate('after', 0.95)
    await stage.rest()
    const worst = Math.max(...(await stage.pickups()))
    stage.claim(
      'LISTEN, which it swallows, is replaced by polling',
      worst < 1_500,
      `picked up after ${Math.round(worst)} ms at worst`,
    )
  },
}
