import { errorText } from '../errors.js'
import type { Logger } from '../logger.js'
import type { Emitter, JobEvent } from './events.js'

/** The worker's log lines, made from its events. Without a logger there is no listener, and a line costs nothing. */
export function logEvents(events: Emitter, logger: Logger): void {
  logSteps(events, logger)
  logTrouble(events, logger)
  events.on('connection', ({ up, error }) =>
    up
      ? logger.info({}, 'connected to PostgreSQL')
      : logger.warn({ err: error }, `lost the connection to PostgreSQL, reconnecting: ${errorText(error)}`),
  )
}

function fields({ message, task, attempt }: Omit<JobEvent, 'durationMs'>): object {
  return { queue: message.queue, id: message.id, task, attempt }
}

function logSteps(events: Emitter, logger: Logger): void {
  events.on('started', (e) => logger.debug(fields(e), `Message ${e.message.id} started`))
  events.on('succeeded', (e) =>
    logger.debug({ ...fields(e), durationMs: e.durationMs }, `Message ${e.message.id} succeeded`),
  )
  events.on('retried', (e) =>
    logger.warn(
      { ...fields(e), err: e.error, delaySeconds: e.delaySeconds },
      `Message ${e.message.id} failed, retrying (attempt ${e.attempt}/${e.maxRetries})`,
    ),
  )
  events.on('deadLettered', (e) =>
    logger.error(
      { ...fields(e), err: e.error, reason: e.reason },
      `Message ${e.message.id} failed after ${e.retryCount} retries: ${errorText(e.error)}`,
    ),
  )
  events.on('snoozed', (e) =>
    logger.info({ ...fields(e), delaySeconds: e.delaySeconds }, `Message ${e.message.id} snoozed`),
  )
  events.on('released', (e) => logger.info(fields(e), `Message ${e.message.id} released`))
}

function logTrouble(events: Emitter, logger: Logger): void {
  events.on('timedOut', (e) =>
    logger.warn({ ...fields(e), durationMs: e.durationMs }, `Message ${e.message.id} ran out of time`),
  )
  events.on('leaseLost', (e) =>
    logger.error(
      { ...fields(e), durationMs: e.durationMs },
      `Lease on message ${e.message.id} of '${e.message.queue}' is lost: it ran out, and its result was not saved. Raise visibilitySeconds, or stop blocking the event loop`,
    ),
  )
  events.on('crashed', (e) =>
    logger.warn(
      { ...fields(e), crashes: e.crashes },
      `Message ${e.message.id} was delivered before without an end on record (${e.crashes} times)`,
    ),
  )
  events.on('parked', (e) =>
    logger.error(
      { ...fields(e), err: e.error },
      `Message ${e.message.id} waits, for its end could not be written: ${errorText(e.error)}`,
    ),
  )
  events.on('eventLoopBlocked', ({ task, blockedMs }) =>
    logger.warn(
      { task, blockedMs },
      `The event loop was blocked for ${blockedMs} ms${task === null ? '' : ` by task '${task}'`}: meanwhile no lease is extended. Move such work to a worker thread, see docs/cpu-bound-work.md`,
    ),
  )
}
