import { isPgmqError, type Worker } from '@pgmq/core'
import { DEFAULTS, type ResolvedOptions } from '../options.js'
import { Refusal } from '../problem.js'
import { type Call, type Route, route } from '../route.js'
import { answers, drain } from '../schemas.js'

/** `POST /drain`, where there is a worker to do it. */
export function drainRoutes({ worker }: Pick<ResolvedOptions, 'worker'>): readonly Route[] {
  if (!worker) return []
  return [
    route({
      method: 'post',
      path: '/drain',
      action: 'operate',
      name: 'drain',
      summary: 'Lets the worker handle what is there, within bounds of time and number',
      body: drain,
      answer: answers.drained,
      handle: async (call) => {
        const { maxMs = DEFAULTS.drainMs, maxMessages = DEFAULTS.drainMessages } = call.body
        const draining = workerOf(worker, call)
        // A caller that goes away ends the drain: handlers get their grace.
        return await draining.drain({ maxMs, maxMessages, signal: call.c.req.raw.signal }).catch(asBusy)
      },
    }),
  ]
}

/** A client is made only for a worker that is made. */
function workerOf(worker: NonNullable<ResolvedOptions['worker']>, call: Call<unknown, unknown>): Worker {
  return typeof worker === 'function' ? worker(call.c, call.client) : worker
}

function asBusy(error: unknown): never {
  if (isPgmqError(error, 'CONFIGURATION_INVALID') && error.details.field === 'worker')
    throw new Refusal(409, 'WORKER_BUSY', 'the worker is running already: it handles what is there by itself')
  throw error
}

export function healthRoutes({ worker }: Pick<ResolvedOptions, 'worker'>): readonly Route[] {
  return [
    route({
      method: 'get',
      path: '/health/live',
      action: null,
      name: 'live',
      summary: 'Whether the process answers',
      answer: answers.health,
      handle: () => ({ status: 'live' }),
    }),
    route({
      method: 'get',
      path: '/health/ready',
      action: null,
      name: 'ready',
      summary: 'Whether the database answers, and the worker, if one runs, is fit for work',
      answer: answers.health,
      handle: async ({ client }) => {
        if (typeof worker === 'object' && !isFit(worker))
          throw new Refusal(503, 'NOT_READY', 'the worker is not fit for work: its health says why')
        await client.queues.list()
        return { status: 'ready' }
      },
    }),
  ]
}

/** One that does not run, but drains now and then, has nothing to be unfit for. */
function isFit(worker: Worker): boolean {
  const { state, ready } = worker.health()
  return ready || state === 'idle' || state === 'stopped'
}
