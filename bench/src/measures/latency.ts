import { setTimeout as sleep } from 'node:timers/promises'
import { play, RoleProcess } from '../processes.js'
import { checkBooks, checkTables } from './books.js'
import { type Figures, quantile, type Setting } from './measure.js'

/** An idle queue: from the call of a producer, or from the commit of a transaction, to the handler, in milliseconds. */
export async function measurePickup(
  setting: Setting,
  options: { readonly samples: number; readonly lateMs?: number },
): Promise<Figures> {
  const { stand, system, node } = setting
  return await stand.store(system, async (url) => {
    const { delays } = await play({ role: 'pickup', system, url, node, options: { url, ...options } })
    await checkTables(setting, url, { left: 0 })
    return { p50: quantile(delays, 0.5), p99: quantile(delays, 0.99) }
  })
}

/** What one worker that has nothing to do asks of the database, without what it asks to begin and to end. */
export async function measureIdle(setting: Setting, { ms }: { readonly ms: number }): Promise<Figures> {
  const short = await transactionsOfIdling(setting, 1_000)
  const long = await transactionsOfIdling(setting, 1_000 + ms)
  return { transactionsPerSecond: ((long - short) / ms) * 1000 }
}

async function transactionsOfIdling({ stand, system, node }: Setting, ms: number): Promise<number> {
  return await stand.store(system, async (url) => {
    await play({ role: 'fill', system, url, node, options: { jobs: 0, perCall: 1 } })
    const worker = new RoleProcess({ role: 'consume', system, url, node, options: { handlers: 16, jobs: 0 } })
    await worker.ready()
    const before = await stand.counters(url)
    worker.go()
    await sleep(ms)
    await worker.stop()
    return (await stand.counters(url)).transactions - before.transactions
  })
}

/** From the producer's call to the handler, at an even rate that leaves room. */
export async function measureEndToEnd(
  setting: Setting,
  { perSecond, seconds }: { readonly perSecond: number; readonly seconds: number },
): Promise<Figures> {
  const { stand, system, node } = setting
  return await stand.store(system, async (url) => {
    const jobs = Math.round(perSecond * seconds)
    await play({ role: 'fill', system, url, node, options: { jobs: 0, perCall: 1 } })
    const worker = new RoleProcess({ role: 'consume', system, url, node, options: { handlers: 16, jobs } })
    const producer = new RoleProcess({ role: 'trickle', system, url, node, options: { first: 0, jobs, perSecond } })
    await Promise.all([worker.ready(), producer.ready()])
    worker.go()
    await sleep(1_000)
    producer.go()
    await producer.ended()
    while (worker.count < jobs) await sleep(10)
    const { result } = await worker.stop()
    await checkBooks(setting, url, [result], jobs)
    // The first second finds code that was never run before.
    const delays = result.delays.slice(Math.round(perSecond))
    return { perSecond, p50: quantile(delays, 0.5), p99: quantile(delays, 0.99) }
  })
}
