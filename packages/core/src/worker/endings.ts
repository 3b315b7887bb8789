import { type Conclusion, conclude, isAtOnce } from '../attempt/conclude.js'
import type { Operation } from '../attempt/operation.js'
import { warnOfOutput } from '../attempt/output-left-out.js'
import { errorText } from '../errors.js'
import { HEADER } from '../headers.js'
import type { Logger } from '../logger.js'
import { DEFAULTS } from '../options.js'
import { countersAfter, endUnrun, type HeaderPatch } from '../retry/counters.js'
import type { Outcome } from '../retry/outcome.js'
import type { Delivery } from './delivery.js'
import type { Emitter, JobEvent } from './events.js'
import type { Parked } from './parked.js'
import type { QueueRun } from './queue-run.js'
import type { SettleResult, Settler } from './settler.js'

export interface EndingsHost {
  readonly settler: Settler
  readonly events: Emitter
  readonly parked: Parked
  readonly logger: Logger | undefined
  readonly stopping: boolean
  /** Ends the delivery and begins the next in the same slot, where that is possible. */
  again(delivery: Delivery, patch: HeaderPatch, onFailure: () => void, report: () => void): void
  /** The dead-letter queue may have been dropped: makes sure of it. */
  ensureDeadLetterQueue(delivery: Delivery): Promise<void>
  /** A delivery is no longer held. */
  over(): void
  /** A message of this queue is back in it, for later. */
  putOff(queue: QueueRun): void
}

/** What becomes of a delivery whose outcome is known: the decision, its statement, and the event once it is in the database. */
export class Endings {
  readonly #host: EndingsHost
  #burying = 0

  constructor(host: EndingsHost) {
    this.#host = host
  }

  /** By its outcome. True when it goes on in its slot: `again` then says how. */
  end(delivery: Delivery, outcome: Outcome): boolean {
    const { queue, stray } = delivery
    const conclusion = conclude(
      {
        readCount: delivery.message.readCount,
        history: delivery.history,
        outcome,
        policy: queue.policyOf(delivery.task?.task ?? null),
        onSuccess: queue.options.onSuccess ?? 'archive',
        hasDeadLetterQueue: queue.hasDeadLetterQueue,
        leastDelaySeconds: stray ? queue.visibilitySeconds : 0,
        keepPlace: this.#host.stopping,
      },
      Math.random,
    )
    if (conclusion.outputLeftOut) warnOfOutput(this.#host.logger, delivery.message)
    const { operation, decision } = conclusion
    const report = (): void => this.#report(delivery, outcome, conclusion)
    const again =
      decision.kind === 'retry' &&
      operation.kind === 'retry' &&
      isAtOnce(operation.due) &&
      !stray &&
      !delivery.completing
    if (again) this.#host.again(delivery, operation.patch, () => this.#settle(delivery, operation, report), report)
    else this.#settle(delivery, operation, report)
    return again
  }

  /** Its end is in the database already, by `completeWith`. */
  completed(delivery: Delivery, output: unknown): void {
    delivery.queue.forget(delivery)
    this.#host.events.emit('succeeded', () => ({ ...jobOf(delivery), output }))
    this.#host.over()
  }

  lost(delivery: Delivery): void {
    delivery.queue.forget(delivery)
    this.#host.events.emit('leaseLost', () => jobOf(delivery))
    this.#host.over()
  }

  /** Dead-letter queues that are being looked after. */
  get burying(): number {
    return this.#burying
  }

  /** Given back unrun; `record`: what else is to be noted. */
  release(delivery: Delivery, record: HeaderPatch = {}): void {
    const patch = { ...endUnrun(delivery.history, delivery.message.readCount), ...record }
    this.#settle(delivery, { kind: 'release', patch }, () => this.#released(delivery))
  }

  /** Given back unrun for a while: too many suspects are here. */
  defer(delivery: Delivery): void {
    const patch = endUnrun(delivery.history, delivery.message.readCount)
    const due = { seconds: 2 * delivery.queue.visibilitySeconds }
    this.#settle(delivery, { kind: 'retry', patch, due }, () => this.#released(delivery))
  }

  /** It succeeded before, and was parked. */
  finish(delivery: Delivery): void {
    const { queue, message } = delivery
    const operation: Operation =
      queue.options.onSuccess === 'delete' ? { kind: 'delete' } : { kind: 'archive', patch: null }
    this.#settle(delivery, operation, () => {
      this.#host.parked.remove(message)
      this.#host.events.emit('succeeded', () => ({ ...jobOf(delivery), output: message.headers[HEADER.output] }))
    })
  }

  /** Dead-lettered unrun: convicted, or judged before and parked. */
  bury(delivery: Delivery, verdict: Extract<Operation, { kind: 'deadLetter' }>['verdict']): void {
    this.#settle(delivery, { kind: 'deadLetter', verdict }, () =>
      this.#deadLettered(delivery, new Error(verdict.error), verdict),
    )
  }

  #settle(delivery: Delivery, operation: Operation, report: () => void): void {
    delivery.state = 'ending'
    this.#host.settler.add(delivery, operation, (result) => this.#settled(delivery, operation, result, report))
  }

  #settled(delivery: Delivery, operation: Operation, result: SettleResult, report: () => void): void {
    if (result.kind === 'lost') return this.lost(delivery)
    if (result.kind === 'refused') return this.#refused(delivery, operation, result.error, report)
    delivery.queue.forget(delivery)
    report()
    if (operation.kind === 'retry') this.#host.putOff(delivery.queue)
    this.#host.over()
  }

  /** The database will not take this end. The message waits, with what is known of it, and is tried again. */
  #refused(delivery: Delivery, operation: Operation, error: unknown, report: () => void): void {
    if (operation.kind === 'retry' || operation.kind === 'release') {
      this.#host.logger?.error(
        { err: error, queue: delivery.message.queue, id: delivery.message.id },
        `cannot give message ${delivery.message.id} back: ${errorText(error)}. Its lease runs out instead`,
      )
      return this.lost(delivery)
    }
    if (operation.kind !== 'deadLetter' || delivery.triedToBury) return this.#park(delivery, operation, error)
    delivery.triedToBury = true
    this.#burying++
    void this.#host
      .ensureDeadLetterQueue(delivery)
      .then(
        () => this.#settle(delivery, operation, report),
        (reason: unknown) => this.#park(delivery, operation, reason),
      )
      .finally(() => this.#burying--)
  }

  #park(delivery: Delivery, operation: Operation, error: unknown): void {
    const ran = delivery.startedMs > 0
    const { history, message } = delivery
    const counters = ran ? countersAfter('succeeded', history, message.readCount) : endUnrun(history, message.readCount)
    const patch = { ...counters, ...known(operation) }
    this.#host.parked.add(message)
    this.#settle(delivery, { kind: 'retry', patch, due: { seconds: DEFAULTS.parkSeconds } }, () =>
      this.#host.events.emit('parked', () => ({ ...jobOf(delivery), error })),
    )
  }

  #report(delivery: Delivery, outcome: Outcome, { decision }: Conclusion): void {
    const { events } = this.#host
    switch (decision.kind) {
      case 'archive':
        return events.emit('succeeded', () => ({ ...jobOf(delivery), output: decision.output }))
      case 'retry':
        return this.#retried(delivery, 'error' in outcome ? outcome.error : undefined, secondsUntil(decision.due))
      case 'snooze':
        return events.emit('snoozed', () => ({ ...jobOf(delivery), delaySeconds: secondsUntil(decision.due) }))
      case 'release':
        return this.#released(delivery)
      case 'deadLetter':
        return this.#deadLettered(delivery, decision.error, {
          reason: decision.reason,
          retryCount: delivery.history.failures,
        })
    }
  }

  #retried(delivery: Delivery, error: unknown, delaySeconds: number): void {
    const { maxRetries } = delivery.queue.policyOf(delivery.task?.task ?? null)
    this.#host.events.emit('retried', () => ({ ...jobOf(delivery), error, delaySeconds, maxRetries }))
  }

  #released(delivery: Delivery): void {
    this.#host.events.emit('released', () => jobOf(delivery))
  }

  #deadLettered(
    delivery: Delivery,
    error: unknown,
    { reason, retryCount }: Pick<Extract<Operation, { kind: 'deadLetter' }>['verdict'], 'reason' | 'retryCount'>,
  ): void {
    this.#host.parked.remove(delivery.message)
    this.#host.events.emit('deadLettered', () => ({ ...jobOf(delivery), error, reason, retryCount }))
  }
}

/** What a parked message keeps of its end: with it, the next delivery writes that end, and runs nothing. */
function known(operation: Operation): HeaderPatch {
  if (operation.kind !== 'deadLetter')
    return { ...(operation.kind === 'archive' && operation.patch), [HEADER.done]: true }
  const { reason, error, retryCount } = operation.verdict
  return { [HEADER.failures]: retryCount, [HEADER.dead]: { reason, error } }
}

function jobOf(delivery: Delivery): JobEvent {
  const { message, attempt, startedMs, endedMs, task } = delivery
  return {
    task: task?.task.name ?? '',
    message,
    attempt,
    durationMs: startedMs > 0 ? (endedMs || performance.now()) - startedMs : 0,
  }
}

/** For reports alone; the database computes its own. */
function secondsUntil(due: { readonly seconds: number } | { readonly at: Date }): number {
  return 'seconds' in due ? due.seconds : Math.max(0, (due.at.getTime() - Date.now()) / 1000)
}
