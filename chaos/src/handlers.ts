import { setTimeout as sleep } from 'node:timers/promises'
import { defineTask, fromPg, type HandlerContext, type Task, unchecked } from '@pgmq/node-pg'
import type { Effects } from './effects.js'
import { type Job, QUEUE } from './job.js'
import type { WorkerSettings } from './wire.js'

type TaskOfJobs = Task<{ name: string; queue: string; input: Job }>

export const job: TaskOfJobs = defineTask({ name: 'job', queue: QUEUE, input: unchecked<Job>() })
/** What only a later release of the program knows. */
export const renewed: TaskOfJobs = defineTask({ name: 'renewed', queue: QUEUE, input: unchecked<Job>() })

type Handle = (input: Job, context: HandlerContext) => Promise<void>

/** Does what its job says: takes its time, writes its effect, or hangs, throws, kills the process. */
export function handlerOf(
  effects: Effects,
  settings: Pick<WorkerSettings, 'holdMs'>,
  take: () => Promise<() => void>,
): Handle {
  return async ({ n, harm, holdMs = settings.holdMs, completes }, { message, signal, completeWith }) => {
    if (harm === 'kills') process.abort()
    if (harm === 'throws') throw new Error('this job throws')
    // Every other one does not even heed its signal.
    if (harm === 'hangs')
      return await (n % 2 ? new Promise<never>(() => undefined) : sleep(2 ** 30, undefined, { signal }))
    const effect = { id: message.id, receipt: message.receipt, readCount: message.readCount }
    const giveBack = await take()
    try {
      if (completes) {
        await effects.writeInTransaction(effect, async (connection) => {
          await completeWith(fromPg(connection))
          await sleep(holdMs, undefined, { signal })
        })
      } else {
        await sleep(holdMs, undefined, { signal })
        await effects.write(effect, signal)
      }
    } finally {
      giveBack()
    }
  }
}
