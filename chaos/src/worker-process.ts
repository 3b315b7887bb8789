// A worker in a process of its own. Its settings come as JSON in the only argument; it tells its parent, by IPC, what happens.
import { setTimeout as sleep } from 'node:timers/promises'
import { createWorker, type Worker } from '@pgmq/node-pg'
import { clientOf, clientOnPool } from './clients.js'
import { Effects } from './effects.js'
import { handlerOf, job, renewed } from './handlers.js'
import type { Report, WorkerEvent, WorkerEventName, WorkerSettings } from './wire.js'

const TELL_EVENTS_MS = 50
const TELL_STATE_MS = 500

const settings = JSON.parse(process.argv[2] as string) as WorkerSettings
if (settings.clockOffsetMs !== 0) setClockOff(settings.clockOffsetMs)

const tell = (report: Report): void => {
  if (process.connected) process.send?.(report)
}

const { visibilitySeconds, preparedStatements, queryTimeoutSeconds, handlersHoldPool } = settings
const clientOptions = {
  visibilitySeconds,
  preparedStatements,
  queryTimeoutSeconds,
  retry: { maxRetries: settings.maxRetries, backoff: () => 1 },
}
const own =
  handlersHoldPool === null ? null : clientOnPool(settings.adapter, settings.url, handlersHoldPool, clientOptions)
const client = own?.client ?? clientOf(settings.adapter, settings.url, clientOptions)
const effects = new Effects(settings.effectsUrl, settings.name)
const handle = handlerOf(effects, settings, own?.take ?? (async () => () => undefined))

const worker = createWorker({
  client,
  tasks: settings.knowsRenewed ? { job, renewed } : { job },
  handlers: settings.knowsRenewed ? { job: handle, renewed: handle } : { job: handle },
  concurrency: settings.concurrency,
  graceSeconds: settings.graceSeconds,
  queues: { [job.queue]: { timeoutSeconds: settings.timeoutSeconds } },
})
const flush = tellEvents(worker)
const state = setInterval(() => {
  tell({ kind: 'state', rssBytes: process.memoryUsage.rss(), health: worker.health() })
}, TELL_STATE_MS)

let stopping = false
process.once('SIGTERM', () => {
  stopping = true
  void stop()
})
// Nobody is left to report to.
process.once('disconnect', () => {
  if (!stopping) process.exit(1)
})
await start()

/** As a service manager would start it again and again while its server is away. */
async function start(): Promise<void> {
  while (!stopping) {
    try {
      await worker.start()
      return tell({ kind: 'ready' })
    } catch (error) {
      if (!(error as { retryable?: boolean }).retryable) throw error
      await sleep(300)
    }
  }
}

async function stop(): Promise<void> {
  await worker.stop()
  await client.close()
  await Promise.all([effects.close(), own?.end()])
  clearInterval(state)
  flush()
  tell({ kind: 'stopped' })
  // Whatever it still holds open would keep the process from ending, and show.
  process.disconnect()
}

/** Many events share a message to the parent. */
function tellEvents(from: Worker): () => void {
  let events: WorkerEvent[] = []
  const flush = (): void => {
    if (events.length > 0) tell({ kind: 'events', events })
    events = []
  }
  const timer = setInterval(flush, TELL_EVENTS_MS)
  const names: readonly WorkerEventName[] = [
    ...(['started', 'succeeded', 'retried', 'deadLettered', 'timedOut'] as const),
    ...(['leaseLost', 'released', 'crashed', 'parked'] as const),
  ]
  for (const event of names) {
    from.on(event, (told) => {
      const { id, receipt, readCount } = told.message
      const detail = 'reason' in told ? told.reason : 'error' in told ? String(told.error) : undefined
      const atMs = Date.now() - settings.clockOffsetMs
      events.push({ event, id, receipt, readCount, atMs, ...(detail && { detail }) })
    })
  }
  from.on('connection', ({ up }) => tell({ kind: 'connection', up }))
  return () => {
    clearInterval(timer)
    flush()
  }
}

/** `Date` as a machine would have it whose clock is off. */
function setClockOff(byMs: number): void {
  const RealDate = Date
  const offNow = (): number => RealDate.now() + byMs
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args: [], newTarget) =>
      Reflect.construct(target, args.length === 0 ? [offNow()] : args, newTarget) as Date,
    get: (target, key, receiver) => (key === 'now' ? offNow : (Reflect.get(target, key, receiver) as unknown)),
  })
}
