import fc from 'fast-check'
import { afterAll, beforeAll, it } from 'vitest'
import { calm } from './lifecycle/calm.js'
import { startClock, stopClock } from './lifecycle/clock.js'
import { open } from './lifecycle/connections.js'
import { Ledger } from './lifecycle/ledger.js'
import { steps } from './lifecycle/steps.js'
import { QUEUE } from './lifecycle/worker-process.js'
import { type Connections, World } from './lifecycle/world.js'
import { Figures } from './support/figures.js'
import { describeSuite } from './support/harness.js'
import { reshape } from './support/pgmq-shapes.js'

/** `PGMQ_WALKS=20000` walks on for longer; `PGMQ_WALK_SEED` walks again what failed. */
const WALKS = Number(process.env.PGMQ_WALKS ?? 100)
const SEED = process.env.PGMQ_WALK_SEED === undefined ? {} : { seed: Number(process.env.PGMQ_WALK_SEED) }
const STEPS = 150

const shapes = [
  ['of today', true],
  ['of pgmq 1.9', false],
] as const

for (const [tables, stamped] of shapes) {
  describeSuite(`the lifecycle, walked at random on tables ${tables}`, (h) => {
    const figures = new Figures(`tables ${tables}`)
    let connections: Connections
    beforeAll(async () => {
      if (!stamped) await reshape(h.sql, '1.9')
      await h.client.queues.create(QUEUE)
      const [main, producer, a, b] = await Promise.all([h.url, h.url, h.url, h.url].map(open))
      connections = { main, producer, effects: { A: a, B: b } } as Connections
    })
    afterAll(async () => {
      if (process.env.PGMQ_WALKS) console.log(figures.toString())
      const { main, producer, effects } = connections
      for (const connection of [main, producer, effects.A, effects.B]) await connection.end()
    })

    async function walk(commands: Iterable<fc.AsyncCommand<Ledger, World>>, deletes: boolean): Promise<void> {
      stopClock()
      const ledger = new Ledger(deletes)
      const world = new World(ledger, connections, deletes ? 'delete' : 'archive', stamped, figures)
      try {
        await fc.asyncModelRun(() => ({ model: ledger, real: world }), commands)
        await calm(world)
      } finally {
        await world.end()
        startClock()
      }
    }

    it(
      'loses no job, takes no stale receipt, counts no failure and convicts no job without its fault',
      async () => {
        const walks = fc.commands(steps, { maxCommands: STEPS, size: 'max' })
        await fc.assert(fc.asyncProperty(walks, fc.boolean(), walk), { numRuns: WALKS, endOnFailure: false, ...SEED })
      },
      WALKS * 5_000,
    )
  })
}
