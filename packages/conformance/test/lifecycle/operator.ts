import type { Job } from './ledger.js'
import { QUEUE } from './worker-process.js'
import type { World } from './world.js'

/** A person at the queue, who has no lease and needs none. */
export type Intervention = 'archive' | 'delete' | 'show' | 'hide'

export async function intervene(world: World, job: Job, intervention: Intervention): Promise<void> {
  const row = (await world.look()).inQueue(job.n)
  if (!row) return
  const ref = { queue: QUEUE, id: row.id }
  switch (intervention) {
    case 'archive':
      job.archived = await world.client.archive(ref)
      break
    case 'delete':
      job.deleted = await world.client.delete(ref)
      break
    case 'show':
    case 'hide':
      await world.client.setVisibility(ref, intervention === 'show' ? 0 : 500)
      world.ledger.endedOnRecord(job)
  }
  job.holder = null
  await world.durable()
}

/** All that is dead-lettered begins anew. */
export async function redrive(world: World): Promise<void> {
  const letters = (await world.look()).rows.filter(({ place }) => place === 'letters')
  const { redriven } = await world.client.deadLetters.redrive(QUEUE, {})
  if (redriven !== letters.length) throw new Error(`${redriven} of ${letters.length} letters were redriven`)
  for (const { n } of letters) world.ledger.redriven(world.ledger.job(n))
  await world.durable()
}
