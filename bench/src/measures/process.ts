import { play, RoleProcess } from '../processes.js'
import { type Consumed, MARK } from '../roles/consume.js'
import type { Counters } from '../stand.js'
import { systems } from '../systems/index.js'
import { checkBooks } from './books.js'
import { hold } from './held.js'
import { type Figures, quantile, type Setting } from './measure.js'

export interface ProcessOptions {
  readonly jobs: number
  readonly handlers: number
  /** Worker processes at once. @defaultValue 1 */
  readonly processes?: number
}

/** How fast waiting jobs reach handlers that do nothing. Starting up is not in it. */
export async function measureProcess(setting: Setting, options: ProcessOptions): Promise<Figures> {
  const { stand, system, node } = setting
  const { jobs, handlers, processes = 1 } = options
  return await stand.store(system, async (url) => {
    await play({ role: 'fill', system, url, node, options: { jobs, perCall: 1_000 } })
    const before = await countersOf(setting, url)
    const workers = await startWorkers(setting, url, { processes, handlers, jobs })
    await seen(workers, jobs)
    const ended = await Promise.all(workers.map((worker) => worker.stop()))
    const results = ended.map(({ result }) => result)
    const after = await countersOf(setting, url)
    await checkBooks(setting, url, results, jobs)
    return {
      ...rates(results, jobs),
      ...perJob(before, after, jobs),
      peakMb: Math.max(...ended.map(({ peakMb }) => peakMb)),
    }
  })
}

/**
 * The same while a transaction that has written stays open, so that nothing dead can be cleaned away. When the backlog
 * is done: how long a look below the floor takes, and how soon jobs of transactions that commit late are found.
 */
export async function measureHeld(setting: Setting, { jobs, handlers }: ProcessOptions): Promise<Figures> {
  const { stand, system, node } = setting
  return await stand.store(system, async (url) => {
    const late = 100
    await play({ role: 'fill', system, url, node, options: { jobs, perCall: 1_000 } })
    await using _holder = await hold(url)
    const workers = await startWorkers(setting, url, { processes: 1, handlers, jobs: jobs + late })
    await seen(workers, jobs)
    const transactions = { url, openMs: 50 }
    await play({
      role: 'trickle',
      system,
      url,
      node,
      options: { first: jobs, jobs: late, perSecond: 20, transactions },
    })
    await seen(workers, jobs + late)
    const results = (await Promise.all(workers.map((worker) => worker.stop()))).map(({ result }) => result)
    const look = await play({ role: 'look', system, url, node, options: {} })
    await checkBooks(setting, url, results, jobs + late)
    const [{ delays }] = results as [Consumed]
    return { ...rates(results, jobs), ...look, lateP50: quantile(delays, 0.5), lateP99: quantile(delays, 0.99) }
  })
}

async function startWorkers(
  { system, node }: Setting,
  url: string,
  { processes = 1, ...options }: ProcessOptions,
): Promise<readonly RoleProcess<'consume'>[]> {
  const workers = Array.from(
    { length: processes },
    () => new RoleProcess({ role: 'consume', system, url, node, options }),
  )
  await Promise.all(workers.map((worker) => worker.ready()))
  for (const worker of workers) worker.go()
  return workers
}

/** Resolves when the workers together have seen so many jobs. */
async function seen(workers: readonly RoleProcess<'consume'>[], jobs: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const count = (): void => {
      if (workers.reduce((sum, worker) => sum + worker.count, 0) >= jobs) resolve()
    }
    for (const worker of workers) {
      worker.onCount(count)
      worker.ended().catch(reject)
    }
    count()
  })
}

/** From the times of every `MARK`th job of the backlog, whoever ran it. */
function rates(results: readonly Consumed[], jobs: number): Figures {
  const marks = Float64Array.from(results.flatMap((result) => [...result.marks]))
    .sort()
    .slice(0, Math.floor(jobs / MARK))
  const rate = (from: number, to: number): number =>
    (((to - from) * MARK) / ((marks[to] as number) - (marks[from] as number))) * 1000
  const last = marks.length - 1
  const fifths = [0, 1, 2, 3, 4].map((k): [string, number] => [
    `fifth${k + 1}`,
    rate(Math.floor((k * last) / 5), Math.floor(((k + 1) * last) / 5)),
  ])
  return { perSecond: rate(0, last), ...Object.fromEntries(fifths) }
}

async function countersOf({ stand, system }: Setting, url: string): Promise<Counters | null> {
  return systems[system].store === 'postgres' ? await stand.counters(url) : null
}

function perJob(before: Counters | null, after: Counters | null, jobs: number): Figures {
  if (!before || !after) return {}
  return {
    walBytes: (after.walBytes - before.walBytes) / jobs,
    transactions: (after.transactions - before.transactions) / jobs,
  }
}
