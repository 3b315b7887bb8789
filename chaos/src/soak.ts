import { setTimeout as sleep } from 'node:timers/promises'
import { wipe } from './books.js'
import type { Fleet } from './fleet.js'
import { freeze, holdTransaction, restartPostgres, STATEMENTS, terminateBackends } from './harms.js'
import type { Random } from './random.js'
import type { Scenario } from './scenario.js'
import type { Stage } from './stage.js'
import { until } from './until.js'
import type { WorkerHandle } from './worker-handle.js'

const PER_SECOND = 200
/** The books are read, and begun anew, this often. */
const CHAPTER_MS = 10 * 60_000
const MINUTE_MS = 60_000

/** One harm after the other, for so long as its dice say. */
const HARMS: Readonly<Record<string, (stage: Stage) => Promise<unknown>>> = {
  kill: async ({ fleet, random }) => await (await living(fleet, random)).kill(),
  freeze: async ({ fleet, random }) => await freeze(await living(fleet, random), random.between(1, 10)),
  terminate: async ({ server, random }) =>
    await terminateBackends(server, random, { perSecond: 2, seconds: random.between(1, 10) }),
  restart: async ({ server, random }) => await restartPostgres(server, 'fast', random.between(1, 10)),
  crash: async ({ server, random }) => await restartPostgres(server, 'immediate', random.between(1, 10)),
  silence: async ({ proxy, random }) => {
    proxy?.goSilent()
    await sleep(random.between(1, 8) * 1000)
    proxy?.speakAgain()
  },
  cut: async ({ proxy, random }) => proxy?.cutAfter(random.one(Object.values(STATEMENTS)), random.between(1, 5)),
  hold: async ({ server, random }) => await holdTransaction(server, random.between(5, 20)),
  burst: async ({ producer, random }) => await producer.burst(random.between(1, 5) * 1_000),
  poison: async ({ producer, random }) => {
    const harm = random.one(['kills', 'hangs', 'throws'] as const)
    await producer.each(Array.from({ length: random.between(1, 3) }, () => ({ harm })))
  },
}

/** Everything in turn, from a seed, for hours. A line a minute goes to `say`. */
export function soakFor(hours: number, say: (line: string) => void): Scenario {
  return {
    name: 'soak',
    does: `all harms at random, for ${hours} h`,
    between: 'proxy',
    fleet: { timeoutSeconds: 5, maxRetries: 2, graceSeconds: 3, preparedStatements: false },
    async run(stage) {
      await stage.fleet.supervise(2)
      const untilMs = performance.now() + hours * 3_600_000
      for (let chapter = 1; performance.now() < untilMs; chapter++) {
        await playChapter(stage, Math.min(untilMs, performance.now() + CHAPTER_MS), say)
        if (performance.now() >= untilMs) return
        if (!(await closeChapter(stage, chapter, say))) return
      }
    },
  }
}

/** Between a death and its successor there may be none. */
async function living(fleet: Fleet, random: Random): Promise<WorkerHandle> {
  await until(() => fleet.living.length > 0, 10_000)
  return random.one(fleet.living)
}

async function playChapter(stage: Stage, untilMs: number, say: (line: string) => void): Promise<void> {
  const done: Record<string, number> = {}
  stage.producer.atRate(() => PER_SECOND)
  const timer = setInterval(() => say(figures(stage, done)), MINUTE_MS)
  try {
    while (performance.now() < untilMs) {
      const [name, harm] = stage.random.one(Object.entries(HARMS))
      await harm(stage)
      done[name] = (done[name] ?? 0) + 1
      await sleep(stage.random.between(2, 8) * 1000)
    }
  } finally {
    clearInterval(timer)
  }
}

/** At rest, so that nothing is under way between two books. */
async function closeChapter(stage: Stage, chapter: number, say: (line: string) => void): Promise<boolean> {
  const { fleet, producer, server } = stage
  await stage.rest()
  // What workers have still to report.
  await sleep(1_000)
  const { balance, histories } = await stage.readBooks()
  const { told, doubts, archive, dead, lost, duplicates, faults } = balance
  const holds = faults.length === 0 && balance.queue === 0
  const summary = `${told} told, ${doubts} in doubt, ${archive} archived, ${dead} dead, ${duplicates} twice, ${lost} lost`
  say(`chapter ${chapter}: ${summary}`)
  stage.claim(
    `the books of chapter ${chapter} balance`,
    holds,
    [summary, ...faults.map(({ never }) => never), ...histories].join('\n'),
  )
  if (!holds) return false
  await wipe(server.sql)
  producer.forget()
  fleet.forget()
  return true
}

function figures({ fleet, producer }: Stage, harms: Readonly<Record<string, number>>): string {
  const rss = Math.max(0, ...fleet.living.map((worker) => worker.rss.at(-1) ?? 0)) / 1_048_576
  const counts = [
    `${producer.told} told`,
    `${fleet.count('succeeded')} succeeded`,
    `${fleet.count('leaseLost')} leases lost`,
    `${fleet.deaths} deaths`,
    `${Math.round(rss)} MB`,
  ]
  const done = Object.entries(harms).map(([name, times]) => `${name} ${times}`)
  return `${new Date().toISOString().slice(11, 19)}  ${counts.join(', ')}; ${done.join(', ')}`
}
