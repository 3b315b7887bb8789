import { wholeNumber } from '../checks.js'
import { configurationInvalid } from '../errors.js'
import type { Doing } from '../session.js'
import {
  disableNotifyInsert,
  enableNotifyInsert,
  listNotifyInsertThrottles,
  type NotifyInsertThrottle,
  setNotifyInterval,
} from '../statements/protocol/notify.js'
import { optionsOf } from './arguments.js'
import { type ProtocolContext, unsupported } from './context.js'
import { ENABLE_WITHOUT_THROTTLE, FEATURES } from './features.js'

/**
 * A trigger that notifies the channel `pgmq.q_<queue>.INSERT`, with an empty payload, when messages are sent. It writes to
 * one row for each queue, so a transaction that sent and stays open blocks other senders. All throw FEATURE_UNSUPPORTED
 * before pgmq 1.7.
 */
export interface NotifyVerbs {
  /**
   * Looks first: where the trigger stands only its interval is set, and nobody waits. After a crash of the server, which
   * empties upstream's table of intervals, this mends it: call it when a worker starts.
   */
  enableNotifyInsert(queue: string, options?: NotifyOptions): Promise<void>
  disableNotifyInsert(queue: string): Promise<void>
  /** @throws CONFIGURATION_INVALID where notifications are not enabled */
  updateNotifyInsert(queue: string, options: { readonly throttleIntervalMs: number }): Promise<void>
  /** By queue. */
  listNotifyInsertThrottles(): Promise<readonly NotifyInsertThrottle[]>
}

export interface NotifyOptions {
  /**
   * Milliseconds between two notifications at the least; 0 notifies for each message.
   *
   * @defaultValue 250
   */
  readonly throttleIntervalMs?: number
}

const GRANTS = 'grant select, insert, update, delete on pgmq.notify_insert_throttle; grant <owner of pgmq."q_{q}">'

export function notifyVerbs(context: ProtocolContext): NotifyVerbs {
  return {
    enableNotifyInsert: (queue, options) => enable(context, queue, options),
    async disableNotifyInsert(queue) {
      const doing: Doing = { verb: `disable notifications of "${queue}"`, grants: GRANTS }
      await context.lookAtListed(queue, doing)
      await context.need(FEATURES.notify, doing)
      await context.alone(queue, doing, (patienceMs) => disableNotifyInsert(queue, patienceMs))
    },
    async updateNotifyInsert(queue, options) {
      const throttleMs = intervalOf(optionsOf(options).throttleIntervalMs as number)
      const doing: Doing = { verb: `set the throttle of notifications of "${queue}"`, grants: GRANTS }
      const { notifies } = await context.lookAtListed(queue, doing)
      await context.need(FEATURES.notifyThrottle, doing)
      if (!notifies)
        throw configurationInvalid(
          'queue',
          `cannot ${doing.verb}: they are not enabled. First: await pgmq.enableNotifyInsert(${JSON.stringify(queue)})`,
        )
      await context.plain(doing, setNotifyInterval(queue, throttleMs))
    },
    async listNotifyInsertThrottles() {
      const doing: Doing = { verb: 'list notifications', grants: 'grant select on pgmq.notify_insert_throttle' }
      await context.need(FEATURES.notifyThrottle, doing)
      return await context.plain(doing, listNotifyInsertThrottles())
    },
  }
}

/** Upstream's function, run again, would take the trigger off and put it on: under locks that stop all senders and readers. */
async function enable(context: ProtocolContext, name: string, options: NotifyOptions | undefined): Promise<void> {
  const given = optionsOf(options).throttleIntervalMs
  const throttleMs = intervalOf(given === undefined ? 250 : given)
  const doing: Doing = { verb: `enable notifications of "${name}"`, grants: GRANTS }
  const { notifies } = await context.lookAtListed(name, doing)
  const throttled = await context.has(FEATURES.notifyThrottle.signature, doing)
  if (!throttled) {
    if (!(await context.has(ENABLE_WITHOUT_THROTTLE, doing))) throw unsupported(FEATURES.notify, doing)
    if (given) throw unsupported(FEATURES.notifyThrottle, doing)
  }
  if (!notifies)
    await context.alone(name, doing, (patienceMs) =>
      enableNotifyInsert(name, throttled ? throttleMs : null, patienceMs),
    )
  else if (throttled) await context.plain(doing, setNotifyInterval(name, throttleMs))
}

const intervalOf = (given: number): number => wholeNumber('throttleIntervalMs', given, 0)
