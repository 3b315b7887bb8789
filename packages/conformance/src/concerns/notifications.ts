import { expect, onTestFinished } from 'vitest'
import { endConnections } from '../outage.js'
import type { Subject } from '../subject.js'
import { until } from '../support.js'

/** Listening tells truthfully whether it listens, and begins anew by itself. */
export function notifications<C>(d: Subject<C>): void {
  interface Ear {
    heard: number
    readonly states: boolean[]
    stop(): Promise<void>
  }
  async function listen(channel: string): Promise<Ear> {
    const { notifier } = d.driver
    if (!notifier) throw new Error('a driver without a notifier has to say so in `missing`')
    const ear: Ear = { heard: 0, states: [], stop: async () => {} }
    ear.stop = await notifier.listen(
      channel,
      () => ear.heard++,
      (up) => ear.states.push(up),
    )
    onTestFinished(() => ear.stop())
    return ear
  }
  const notify = (channel: string): Promise<unknown> => d.sql(`select pg_notify($1, '')`, [channel])

  for (const channel of ['pgmq.q_user_tasks.INSERT', 'Quoted "Ü"; select 1 --'])
    d.it(`what is notified on ${channel} is heard`, ['notifier', 'server'], async () => {
      const ear = await listen(channel)
      await until('it listens', () => ear.states.at(-1) === true)
      await notify(channel)
      await until('it is heard', () => ear.heard === 1)
    })

  d.it('it listens again when its connection broke, and says so', ['notifier', 'server', 'reconnect'], async () => {
    const ear = await listen('breaks')
    await until('it listens', () => ear.states.at(-1) === true)
    // Every connection but the one that asks: which of them listens is the driver's affair.
    await endConnections(d)
    await until('it has noticed', () => ear.states.includes(false))
    await until('it listens again', () => ear.states.at(-1) === true)
    await notify('breaks')
    await until('it is heard', () => ear.heard > 0)
  })

  d.it('nothing is heard after the end', ['notifier', 'server'], async () => {
    const [ended, other] = [await listen('ends'), await listen('goes_on')]
    await until('both listen', () => ended.states.at(-1) && other.states.at(-1))
    await ended.stop()
    await notify('ends')
    await notify('goes_on')
    await until('the other is heard', () => other.heard === 1)
    expect(ended.heard).toBe(0)
  })
}
