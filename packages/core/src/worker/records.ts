import { seconds as checkedSeconds, positive } from '../checks.js'
import { endOfRun, type HeaderPatch, joined } from '../retry/counters.js'
import { extend } from '../statements/extend.js'
import { note } from '../statements/note.js'
import type { Delivery } from './delivery.js'
import { leaseLost } from './heartbeat.js'
import type { Link } from './link.js'

const GRANTS = 'grant select, update on pgmq."q_{q}"'

/** What is written about a lease while it goes on, for a handler or for the next delivery to know. */
export class Records {
  readonly #leasing: Link
  readonly #settling: Link

  constructor(leasing: Link, settling: Link) {
    this.#leasing = leasing
    this.#settling = settling
  }

  /** A handler asks for more time. @throws CONFIGURATION_INVALID, LEASE_LOST, and what a statement throws */
  async extend(delivery: Delivery, seconds: number): Promise<void> {
    const { queue, fence, key } = delivery
    positive('seconds', checkedSeconds('seconds', seconds))
    if (delivery.lost) throw leaseLost(delivery)
    const sentMs = performance.now()
    const doing = { verb: `extend the lease of message ${fence.id}`, grants: GRANTS }
    const verdicts = await this.#leasing.run(queue.name, doing, (shape) => extend(shape, [fence], seconds))
    const verdict = verdicts.get(key)
    if (verdict !== 'held' && verdict !== 'busy') throw leaseLost(delivery)
    delivery.deadlineMs = Math.max(delivery.deadlineMs, sentMs + seconds * 1000)
  }

  /** A suspect that began alone is joined by others. */
  async joined(delivery: Delivery): Promise<void> {
    await this.#note(delivery, joined(delivery.history.alone))
  }

  /** A handler goes on though its worker ends: what comes next is no crash. */
  async leftBehind(delivery: Delivery): Promise<void> {
    await this.#note(delivery, endOfRun(delivery.history, delivery.message.readCount))
  }

  async #note({ queue, fence, recorded }: Delivery, patch: HeaderPatch): Promise<void> {
    if (!recorded) return
    const doing = { verb: 'note a counter', grants: GRANTS }
    await this.#settling.run(queue.name, doing, (shape) => note(shape, [fence], [patch]))
  }
}
