import { measureCommits, measureEnqueue, measureEnqueueMany } from './measures/enqueue.js'
import { measureEndToEnd, measureIdle, measurePickup } from './measures/latency.js'
import type { Figures, Setting } from './measures/measure.js'
import { measureHeld, measureProcess } from './measures/process.js'
import type { Results } from './results.js'
import type { SystemName } from './systems/index.js'

/** One table: the same measure for several systems. */
export interface Measure {
  readonly id: string
  readonly title: string
  readonly systems: readonly SystemName[]
  /** Measured on the oldest supported Node.js, too. */
  readonly alsoOnNode20?: readonly SystemName[]
  run(setting: Setting, results: Results): Promise<Figures>
}

/** The slowest have fewer jobs, so that a run ends: their rate is the same with few. */
const jobsFor = (system: SystemName, jobs: number): number => (system === 'pg-boss' ? Math.min(jobs, 20_000) : jobs)

const ours: readonly SystemName[] = ['pg', 'postgres-js']
const everybody: readonly SystemName[] = [
  ...ours,
  'pg-delete',
  'postgres-js-delete',
  'pg-logging',
  'floor',
  'floor-delete',
  'upstream',
  'graphile-worker',
  'pg-boss',
  'bullmq',
]

/** No target is about these. */
const beside: readonly SystemName[] = ['postgres-js-delete', 'floor-delete', 'upstream']

/** What most targets need, in three minutes. */
export const quick: readonly Measure[] = [
  process(100_000, 16, { id: 'process', systems: everybody.filter((name) => !beside.includes(name)) }),
  held(100_000, { id: 'held', systems: ['pg', 'graphile-worker'] }),
  enqueueMany(100_000, ['pg', 'upstream']),
  enqueue(16, 1_000, ['pg', 'graphile-worker', 'pg-boss']),
  enqueue(256, 1_000, ['pg', 'bullmq']),
  pickup(60, ['pg', 'postgres-js']),
  late(40, ['pg']),
  idle(5_000, ['pg']),
]

export const full: readonly Measure[] = [
  process(300_000, 16, { id: 'process', systems: everybody, alsoOnNode20: ours }),
  ...[10_000, 100_000, 1_000_000].map((jobs) =>
    process(jobs, 16, { systems: ['pg', 'postgres-js', 'graphile-worker'] }),
  ),
  ...[1, 4, 64, 256].map((handlers) => process(300_000, handlers, { systems: ['pg', 'graphile-worker', 'bullmq'] })),
  ...[2, 4].map((count) => processes(count, 300_000, ['pg', 'floor', 'graphile-worker'])),
  held(300_000, { id: 'held', systems: ['pg', 'pg-delete', 'upstream', 'graphile-worker', 'pg-boss'] }),
  enqueueMany(200_000, ['pg', 'postgres-js', 'upstream', 'graphile-worker', 'pg-boss', 'bullmq']),
  ...[1, 16, 256].map((inFlight) =>
    enqueue(inFlight, 3_000, ['pg', 'postgres-js', 'upstream', 'graphile-worker', 'pg-boss', 'bullmq']),
  ),
  commits(16, 3_000, ['pg', 'pg-silent', 'graphile-worker', 'pg-boss']),
  pickup(200, ['pg', 'postgres-js', 'floor-listening', 'graphile-worker', 'pg-boss', 'bullmq']),
  late(150, ['pg', 'graphile-worker']),
  idle(10_000, ['pg', 'postgres-js', 'graphile-worker', 'pg-boss']),
  endToEnd(8, ['pg', 'postgres-js', 'graphile-worker']),
]

/** Minutes each: once is enough. */
export const long: readonly Measure[] = [held(3_000_000, { id: 'held-3m', systems: ['pg'] })]

interface Of {
  readonly id?: string
  readonly systems: readonly SystemName[]
  readonly alsoOnNode20?: readonly SystemName[]
}

function process(jobs: number, handlers: number, { id, ...of }: Of): Measure {
  return {
    id: id ?? `process-${jobs}-${handlers}`,
    title: `Process: ${grouped(jobs)} waiting, ${handlers} handlers`,
    ...of,
    run: (setting) => measureProcess(setting, { jobs: jobsFor(setting.system, jobs), handlers }),
  }
}

function processes(count: number, jobs: number, systems: readonly SystemName[]): Measure {
  return {
    id: `processes-${count}`,
    title: `Process: ${grouped(jobs)} waiting, ${count} worker processes of 16 handlers`,
    systems,
    run: (setting) => measureProcess(setting, { jobs, handlers: 16, processes: count }),
  }
}

function held(jobs: number, { id, ...of }: Of & { id: string }): Measure {
  return {
    id,
    title: `Process while a transaction that has written stays open: ${grouped(jobs)} waiting, 16 handlers`,
    ...of,
    run: (setting) => measureHeld(setting, { jobs: jobsFor(setting.system, jobs), handlers: 16 }),
  }
}

function enqueueMany(jobs: number, systems: readonly SystemName[]): Measure {
  return {
    id: 'enqueue-many',
    title: 'Enqueue 1,000 jobs a call, one call after the other',
    systems,
    run: (setting) => measureEnqueueMany(setting, { jobs: jobsFor(setting.system, jobs), perCall: 1_000 }),
  }
}

function enqueue(inFlight: number, ms: number, systems: readonly SystemName[]): Measure {
  return {
    id: `enqueue-${inFlight}`,
    title: `Enqueue one job a call, committed, ${inFlight} calls in flight`,
    systems,
    run: (setting) => measureEnqueue(setting, { inFlight, ms }),
  }
}

function commits(connections: number, ms: number, systems: readonly SystemName[]): Measure {
  return {
    id: 'commits',
    title: `Enqueue one job in a transaction of its own, ${connections} connections`,
    systems,
    run: (setting) => measureCommits(setting, { connections, ms }),
  }
}

function pickup(samples: number, systems: readonly SystemName[]): Measure {
  return {
    id: 'pickup',
    title: 'Pickup on an idle queue: from the call of enqueue to the handler, ms',
    systems,
    run: (setting) => measurePickup(setting, { samples }),
  }
}

function late(samples: number, systems: readonly SystemName[]): Measure {
  return {
    id: 'late',
    title: 'Pickup of a job whose transaction commits 100 ms after it was enqueued: from the commit to the handler, ms',
    systems,
    run: (setting) => measurePickup(setting, { samples, lateMs: 100 }),
  }
}

function idle(ms: number, systems: readonly SystemName[]): Measure {
  return {
    id: 'idle',
    title: 'A worker that has nothing to do',
    systems,
    run: (setting) => measureIdle(setting, { ms }),
  }
}

/** Producing and processing share the machine, so its capacity for both is less than for either. */
function endToEnd(seconds: number, systems: readonly SystemName[]): Measure {
  return {
    id: 'end-to-end',
    title: 'From the call of enqueueMany to the handler at half of what the machine can do, ms',
    systems,
    run: (setting, results) => {
      const process = results.median('process', setting.system, 'perSecond')
      const enqueueMany = results.median('enqueue-many', setting.system, 'perSecond')
      const capacity = 1 / (1 / process + 1 / enqueueMany)
      return measureEndToEnd(setting, { perSecond: Math.round(capacity / 2), seconds })
    },
  }
}

function grouped(n: number): string {
  return n.toLocaleString('en')
}
