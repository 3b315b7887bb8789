import { advance, settled } from './clock.js'
import { SIDES, type Side } from './ledger.js'
import type { World } from './world.js'

const ROUNDS = 12

/** After the storm: with nothing in the way, every job that is still in the queue gets done. */
export async function calm(world: World): Promise<void> {
  if (world.ledger.producing) await world.endEnqueue(true)
  for (const side of SIDES) {
    await world.endTransaction(side, true)
    await finishAll(world, side)
    if (world.processes[side].phase !== 'running') await world.leave(side)
  }
  for (let round = 0; round < ROUNDS; round++) {
    const left = (await world.look()).queued.map(({ n }) => n)
    if (left.length === 0) return
    await world.makeDue(left)
    for (const side of SIDES) {
      if (world.processes[side].mayLease) world.processes[side].lease(10)
      await finishAll(world, side)
    }
  }
  const stuck = (await world.look()).queued
  throw new Error(`nothing is in the way, and these are not done: ${JSON.stringify(stuck)}`)
}

async function finishAll(world: World, side: Side): Promise<void> {
  const process = world.processes[side]
  for (let turn = 0; turn < 12; turn++) {
    await world.flow(side)
    for (const run of [...process.running]) process.finish(run, 'success')
    await settled()
    if (process.waiting === 0 && process.running.length === 0 && process.held === 0) return
    // Suspects rest between their rounds for as long as those took.
    await advance(1_000 * 2 ** turn)
  }
}
