import fc from 'fast-check'
import { advance, settled } from './clock.js'
import type { Fate } from './gate.js'
import { type Job, type Ledger, SIDES, type Side } from './ledger.js'
import { type Intervention, intervene, redrive } from './operator.js'
import type { Ending, Run } from './worker-process.js'
import type { World } from './world.js'

type Step = fc.AsyncCommand<Ledger, World>

/** `may`: whether it can happen now, by the model. */
function step(name: string, may: (ledger: Ledger) => boolean, run: (world: World) => Promise<unknown>): Step {
  return {
    check: may,
    toString: () => name,
    async run(_ledger, world) {
      world.figures.count(name.replace(/\(.*/, ''))
      await run(world)
      await settled()
    },
  }
}

const always = (): boolean => true
const side = fc.constantFrom(...SIDES)
const pick = fc.nat({ max: 5 })
const bool = fc.boolean()
const at = <T>(list: readonly T[], index: number): T => list[index % list.length] as T

/** A job that was enqueued at all, and is locked by no handler's transaction. */
const jobAt = (ledger: Ledger, index: number): Job => at(ledger.jobs, index)
const isFree = (ledger: Ledger, job: Job): boolean =>
  SIDES.every((one) => ledger.processes[one].transaction?.run.job !== job)

const canBeLost = (ledger: Ledger, one: Side): boolean =>
  !ledger.heldBy(ledger.processes[one]).some((job) => ledger.wouldConvict(job))

/** A step of one process, or of the other where it cannot be this one's. */
function ofEither(
  name: string,
  first: Side,
  may: (ledger: Ledger, one: Side) => boolean,
  run: (world: World, one: Side) => unknown,
): Step {
  const both = first === 'A' ? SIDES : [...SIDES].reverse()
  const which = (ledger: Ledger): Side | undefined => both.find((one) => may(ledger, one))
  return step(
    `${name}(${first})`,
    (ledger) => which(ledger) !== undefined,
    async (world) => run(world, which(world.ledger) as Side),
  )
}

function ofRun(
  name: string,
  first: Side,
  index: number,
  act: (world: World, one: Side, run: Run) => unknown,
  may: (ledger: Ledger, one: Side) => boolean = always,
): Step {
  return ofEither(
    name,
    first,
    (ledger, one) => ledger.processes[one].running.length > 0 && may(ledger, one),
    (world, one) => act(world, one, at(world.processes[one].running, index)),
  )
}

/** Few, so that much happens to each. */
const MOST_QUEUED = 3
const hasRoom = ({ now }: Ledger): boolean => (now?.queued.length ?? 0) < MOST_QUEUED

const enqueue = fc
  .tuple(fc.constantFrom('job', 'job', 'newer'), fc.integer({ min: 1, max: 2 }))
  .map(([task, count]) => step(`enqueue(${task}, ${count})`, hasRoom, (world) => world.enqueue(task, count)))
const beginEnqueue = fc.constant(
  step(
    'beginEnqueue',
    (ledger) => !ledger.producing && hasRoom(ledger),
    (world) => world.beginEnqueue('job'),
  ),
)
const endEnqueue = bool.map((commits) =>
  step(
    `endEnqueue(${commits})`,
    ({ producing }) => producing,
    (world) => world.endEnqueue(commits),
  ),
)

const lease = fc.tuple(side, fc.integer({ min: 1, max: 3 })).map(([one, limit]) =>
  step(
    `lease(${one}, ${limit})`,
    (ledger) => ledger.processes[one].mayLease,
    async (world) => world.processes[one].lease(limit),
  ),
)
const fate = fc.constantFrom<Fate>('answered', 'answered', 'answered', 'unheard', 'undone', 'unsent')
const pass = fc.tuple(side, pick, fate).map(([one, index, how]) =>
  ofEither(
    `pass:${how}`,
    one,
    (ledger, which) => ledger.processes[which].waiting > 0,
    (world, which) => world.pass(which, index, how),
  ),
)
const flow = side.map((one) => step(`flow(${one})`, always, (world) => world.flow(one)))
const work = side.map((one) =>
  step(
    `work(${one})`,
    (ledger) => ledger.processes[one].mayLease,
    async (world) => {
      world.processes[one].lease(2)
      await world.flow(one)
    },
  ),
)
const flush = side.map((one) => step(`flush(${one})`, always, async (world) => world.processes[one].flush()))
const beat = side.map((one) => step(`beat(${one})`, always, async (world) => world.processes[one].beat()))

const ending = fc.constantFrom<Ending>(
  'success',
  'failure',
  'failure',
  'failure',
  'failure',
  'permanent',
  'snooze',
  'later',
)
/** Its end is sent at once, or waits for others to share a statement with. */
const finish = fc.tuple(side, pick, ending, bool).map(([first, index, how, sent]) =>
  ofRun(`finish:${how}${sent ? ':sent' : ''}`, first, index, async (world, one, run) => {
    world.processes[one].finish(run, how)
    await settled()
    if (sent) world.processes[one].flush()
  }),
)
const extend = fc
  .tuple(side, pick)
  .map(([first, index]) => ofRun('extend', first, index, (world, one, run) => world.processes[one].extend(run)))
const complete = fc.tuple(side, pick).map(([first, index]) =>
  ofRun(
    'completeWith',
    first,
    index,
    (world, one, run) => world.complete(one, run),
    (ledger, one) => {
      const { running, transaction } = ledger.processes[one]
      const run = at(running, index)
      return transaction === null && run.transaction === 'none' && !run.timedOut && isFree(ledger, run.job)
    },
  ),
)
const endTransaction = fc.tuple(side, bool).map(([one, commits]) =>
  step(
    `endTransaction(${one}, ${commits})`,
    (ledger) => ledger.processes[one].transaction !== null,
    (world) => world.endTransaction(one, commits),
  ),
)

const crash = fc.tuple(side, bool).map(([one, arrives]) =>
  step(
    `crash(${one}, ${arrives})`,
    (ledger) => canBeLost(ledger, one),
    (world) => world.crash(one, arrives),
  ),
)
const kill = fc.tuple(side, pick).map(([first, index]) =>
  ofRun(
    'kill',
    first,
    index,
    async (world, one, { job, life }) => {
      if (life === job.life) job.kills++
      await world.crash(one, false)
    },
    canBeLost,
  ),
)
const stop = side.map((one) =>
  step(
    `stop(${one})`,
    (ledger) => canBeLost(ledger, one),
    async (world) => {
      const process = world.processes[one]
      if (process.phase === 'running') process.stop()
      else if (process.phase === 'stopping') process.abort()
      else await world.leave(one)
    },
  ),
)
const crashServer = fc.constant(step('crashServer', always, (world) => world.crashServer()))
const crashServerAfterLease = fc.constant(
  step(
    'crashServerAfterLease',
    ({ leaseMayBeLost }) => leaseMayBeLost,
    (world) => world.crashServer(),
  ),
)

const makeDue = pick.map((index) =>
  step(
    `makeDue(${index})`,
    (ledger) => ledger.jobs.length > 0 && !ledger.wouldConvict(jobAt(ledger, index)),
    (world) => world.makeDue([jobAt(world.ledger, index).n]),
  ),
)
const makeAllDue = fc.constant(
  step(
    'makeAllDue',
    ({ jobs }) => jobs.length > 0,
    (world) => world.makeDue(world.ledger.jobs.filter((job) => !world.ledger.wouldConvict(job)).map(({ n }) => n)),
  ),
)
const foreignRead = fc.constant(step('foreignRead', always, (world) => world.foreignRead()))
const intervention = fc
  .tuple(pick, fc.constantFrom<Intervention>('archive', 'delete', 'show', 'show', 'show', 'hide'))
  .map(([index, what]) =>
    step(
      `${what}(${index})`,
      (ledger) => ledger.jobs.length > 0 && isFree(ledger, jobAt(ledger, index)),
      (world) => intervene(world, jobAt(world.ledger, index), what),
    ),
  )
const redriving = fc.constant(
  step('redrive', ({ now }) => now?.rows.some(({ place }) => place === 'letters') === true, redrive),
)
const pause = fc
  .constantFrom(1, 700, 2_500)
  .map((seconds) => step(`advance(${seconds} s)`, always, () => advance(seconds * 1000)))

const often = (arbitrary: fc.Arbitrary<Step>, times: number): fc.Arbitrary<Step>[] =>
  Array.from({ length: times }, () => arbitrary)

/** Everything that can happen; what moves jobs on more often than what hinders them. */
export const steps: fc.Arbitrary<Step>[] = [
  ...often(enqueue, 4),
  ...often(beginEnqueue, 2),
  ...often(endEnqueue, 2),
  ...often(lease, 6),
  ...often(work, 8),
  ...often(pass, 20),
  ...often(flow, 3),
  ...often(flush, 4),
  ...often(beat, 2),
  ...often(finish, 24),
  ...often(extend, 2),
  ...often(complete, 3),
  ...often(endTransaction, 4),
  ...often(crash, 2),
  ...often(kill, 3),
  stop,
  crashServer,
  ...often(crashServerAfterLease, 3),
  ...often(makeDue, 2),
  ...often(makeAllDue, 6),
  foreignRead,
  ...often(intervention, 2),
  redriving,
  ...often(pause, 2),
]
