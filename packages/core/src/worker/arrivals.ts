import { suspicionOf } from '../retry/suspicion.js'
import type { Delivery } from './delivery.js'
import type { Endings } from './endings.js'
import type { Emitter } from './events.js'
import { isDone, verdictOn } from './parked.js'
import type { Suspects } from './suspects.js'

export interface ArrivalsHost {
  readonly endings: Endings
  readonly suspects: Suspects
  readonly events: Emitter
  readonly crashLimit: number
  readonly concurrency: number
}

/** Where a delivery goes when it is leased: to the slots, to the suspects, or, unrun, to the dead-letter queue. */
export class Arrivals {
  readonly #host: ArrivalsHost

  constructor(host: ArrivalsHost) {
    this.#host = host
  }

  take(delivery: Delivery): void {
    const { message, history, queue, attempt } = delivery
    const { endings, suspects, events, crashLimit, concurrency } = this.#host
    if (isDone(message)) return endings.finish(delivery)
    const judged = verdictOn(message, history.failures)
    if (judged) return endings.bury(delivery, judged)
    if (history.crashes > 0) {
      this.#replace(delivery)
      events.emit('crashed', () => ({
        task: queue.taskOf(message)?.task.name ?? '',
        message,
        attempt,
        crashes: history.crashes,
      }))
    }
    switch (suspicionOf(history, crashLimit)) {
      case 'run':
        queue.buffer.push(delivery)
        return
      case 'suspect':
        // No handler will run, so nothing of it needs to be alone, nor may count as having been.
        if (!queue.knows(message)) queue.buffer.push(delivery)
        else if (suspects.size < concurrency) suspects.add(delivery)
        else endings.defer(delivery)
        return
      case 'convicted':
        return endings.bury(delivery, {
          reason: 'crash_loop',
          error: delivery.recorded
            ? `its process ended ${history.alone} times while it ran alone in it`
            : `it was delivered ${message.readCount} times, ${history.crashes} more than its retries explain`,
          retryCount: history.failures,
        })
    }
  }

  /** An older lease of the same message that still waits here has run out: it must not run beside the new one. */
  #replace(delivery: Delivery): void {
    const { queue, message, key } = delivery
    for (const older of queue.held.values()) {
      if (older.message.id !== message.id || older.key === key || older.state !== 'waiting') continue
      older.lost = true
      queue.unbuffer(older)
      this.#host.suspects.drop(older)
      this.#host.endings.lost(older)
    }
  }
}
