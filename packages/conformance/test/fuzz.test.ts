import { createClient, type PgmqClient } from '@pgmq/core'
import fc from 'fast-check'
import { afterAll, beforeAll, it } from 'vitest'
import { adapters } from '../drivers/support/adapters.js'
import { anyId, anyName, anyNumber, anyReceipt, attempt, CALLS } from './fuzz/arguments.js'
import { given } from './fuzz/jobs.js'
import { RoundTrip } from './fuzz/round-trip.js'
import { Figures } from './support/figures.js'
import { describeSuite } from './support/harness.js'

/** `pnpm fuzz` tries 100,000 jobs over each adapter, and prints what became of them. */
const JOBS = Number(process.env.PGMQ_FUZZ_JOBS ?? 2_000)
const SEED = process.env.PGMQ_FUZZ_SEED === undefined ? {} : { seed: Number(process.env.PGMQ_FUZZ_SEED) }
const BATCH = 20
const CALLS_TRIED = Math.ceil(JOBS / 10)

const limitMs = (cases: number): number => 60_000 + cases * 20
/** What fails says so itself: nothing to make smaller. */
const settings = (runs: number): { numRuns: number; endOnFailure: boolean } => ({
  numRuns: runs,
  endOnFailure: true,
  ...SEED,
})

for (const adapter of adapters) {
  describeSuite(`whatever is given over ${adapter.name}`, (h) => {
    const figures: Figures[] = []
    let client: PgmqClient<never>
    beforeAll(() => {
      client = createClient(adapter.open(h.url), { createQueues: false })
    })
    afterAll(async () => {
      await client.close()
      if (process.env.PGMQ_FUZZ_JOBS) for (const one of figures) console.log(`${adapter.name}, ${one.toString()}`)
    })
    const counted = (what: string): Figures => {
      figures.push(new Figures(what))
      return figures[figures.length - 1] as Figures
    }

    it(
      'a job is kept as it is, or refused before anything is written',
      async () => {
        const queue = h.queue()
        await client.queues.create(queue)
        const trip = new RoundTrip(h, client, queue, counted('jobs'))
        const jobs = fc.array(given, { minLength: BATCH, maxLength: BATCH })
        await fc.assert(
          fc.asyncProperty(jobs, (batch) => trip.run(batch)),
          settings(Math.ceil(JOBS / BATCH)),
        )
      },
      limitMs(JOBS),
    )

    it(
      'a name is one of a queue, or refused by an error of ours',
      async () => {
        const count = counted('names')
        const call = fc.constantFrom(...CALLS)
        await fc.assert(
          fc.asyncProperty(call, anyName, anyId, async (calling, name, id) => {
            await attempt(count, () => calling(client, name as never, id as never))
          }),
          settings(CALLS_TRIED),
        )
      },
      limitMs(CALLS_TRIED),
    )

    it(
      'an id, a receipt or a number that is none ends no lease and leases nothing',
      async () => {
        const queue = h.queue()
        await client.queues.create(queue)
        await client.enqueue(queue, { task: 'ping' })
        await client.dequeue(queue, { visibilitySeconds: 10_000 })
        const before = await h.sql(`select * from pgmq.q_${queue}`)
        const count = counted('ids, receipts, numbers')
        await fc.assert(
          fc.asyncProperty(anyId, anyReceipt, anyNumber, async (id, receipt, number) => {
            const message = { queue, id: id as string, receipt: receipt as string }
            await attempt(count, () => client.archive(message))
            await attempt(count, () => client.delete(message))
            await attempt(count, () => client.setVisibility(message, number as number))
            await attempt(count, () => client.dequeue(queue, { visibilitySeconds: number as number }))
            await attempt(count, () => client.dequeueMany(queue, { limit: number as number }))
            await attempt(count, () => client.queues.peek(queue, { after: id as string, limit: number as number }))
            await attempt(count, () => client.deadLetters.list(queue, { ids: [id as string] }))
          }),
          settings(Math.ceil(CALLS_TRIED / 7)),
        )
        const after = await h.sql(`select * from pgmq.q_${queue}`)
        if (JSON.stringify(after) !== JSON.stringify(before)) throw new Error(`changed: ${JSON.stringify(after)}`)
      },
      limitMs(CALLS_TRIED),
    )
  })
}
