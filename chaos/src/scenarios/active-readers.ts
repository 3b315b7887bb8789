import { setTimeout as sleep } from 'node:timers/promises'
import type { Scenario } from '../scenario.js'
import type { Server } from '../server.js'

export const activeReaders: Scenario = {
  name: 'active_readers',
  does: 'four connections scan the queue and its archive, in REPEATABLE READ transactions',
  async run(stage) {
    const { fleet, server, options } = stage
    await fleet.start(2)
    stage.load()
    await stage.baseline()
    let scans = 0
    await stage.during(async () => {
      const untilMs = performance.now() + (options.long ? 60 : 2 * options.seconds) * 1000
      const counts = await Promise.all(Array.from({ length: 4 }, () => scanUntil(server, untilMs)))
      scans = counts.reduce((a, b) => a + b)
    })
    await stage.after()
    stage.claim('tables were scanned', scans > 0, `${scans} times`)
    await stage.claimRate('during', 0.9)
  },
}

async function scanUntil(server: Server, untilMs: number): Promise<number> {
  const connection = await server.connect()
  let scans = 0
  try {
    while (performance.now() < untilMs) {
      await connection.query('begin isolation level repeatable read')
      for (const table of ['q_jobs', 'a_jobs'])
        await connection.query(`select count(*), sum(length(message::text)) from pgmq.${table}`)
      // As a report that takes its time over what it read.
      await sleep(200)
      await connection.query('commit')
      scans++
    }
  } finally {
    connection.release()
  }
  return scans
}
