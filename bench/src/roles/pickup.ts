import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'pg'
import { clock, type System } from '../systems/system.js'
import type { Stage } from './stage.js'

export interface PickupOptions {
  readonly url: string
  readonly samples: number
  /** Each sample's transaction inserts, stays open for so long, and commits: the delay counts from there. */
  readonly lateMs?: number
}

/** A worker on an idle queue, and a producer beside it: how long until a lone job's handler begins. */
export async function pickup(
  system: System,
  { url, samples, lateMs }: PickupOptions,
  stage: Stage,
): Promise<{ delays: number[] }> {
  await system.prepare()
  const pool = new Pool({ connectionString: url, max: 1 })
  const delays: number[] = []
  let sentAt = 0
  let seen: () => void = () => undefined
  const consumer = await system.consume(16, () => {
    delays.push(clock() - sentAt)
    seen()
  })
  stage.tell('ready')
  await stage.go
  // The first ones find code that was never run before.
  for (let n = -20; n < samples; n++) {
    const came = new Promise<void>((resolve) => {
      seen = resolve
    })
    if (lateMs === undefined) {
      sentAt = clock()
      await system.enqueue({ n: n + 20, at: 0 })
    } else {
      const connection = await pool.connect()
      await connection.query('begin')
      await system.enqueueIn?.(connection, { n: n + 20, at: 0 })
      await sleep(lateMs)
      sentAt = clock()
      await connection.query('commit')
      connection.release()
    }
    await came
    await sleep(60 + Math.random() * 100)
  }
  await consumer.stop()
  await pool.end()
  return { delays: delays.slice(20) }
}
