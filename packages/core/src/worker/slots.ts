import type { Delivery } from './delivery.js'
import type { QueueRun } from './queue-run.js'

/** A queue that had nothing to run saves up no more of its part than this, in slot time by weight. */
const CREDIT_MS = 1_000

/**
 * The worker's slots, shared by its queues: which delivery runs next. Where queues compete, each gets slot time by its
 * weight: so one of long handlers does not push aside one of short ones, as it would if starts were counted. Each handler
 * that has begun runs to its end; a queue that waits is next as soon as a slot is free.
 */
export class Slots {
  readonly #queues: readonly QueueRun[]
  readonly #start: (delivery: Delivery) => void
  readonly #concurrency: number
  readonly #alone: boolean
  #running = 0
  /** What the queue had had that went last: those that compete are about there. */
  #clock = 0

  constructor(queues: readonly QueueRun[], concurrency: number, start: (delivery: Delivery) => void) {
    this.#queues = queues
    this.#concurrency = concurrency
    this.#alone = queues.length === 1
    this.#start = start
  }

  get running(): number {
    return this.#running
  }

  /** Slots that a lease of this queue may count on now. */
  free(queue: QueueRun): number {
    const free = this.#concurrency - this.#running
    const own = queue.concurrency - queue.running
    queue.offered = Math.max(0, this.#alone ? Math.min(free, own) : this.#part(queue, free, own))
    return queue.offered
  }

  /** Buffered deliveries whose task is at its own limit. */
  blocked({ buffer, hasLimits }: QueueRun): number {
    return hasLimits ? buffer.reduce((sum, delivery) => sum + (mayRun(delivery) ? 0 : 1), 0) : 0
  }

  /** Fills free slots from the queues' buffers. */
  fill(): void {
    while (this.#running < this.#concurrency) {
      const delivery = this.#take()
      if (!delivery) return
      this.enter(delivery)
      this.#start(delivery)
    }
  }

  /** Counts a delivery as running; one that runs beside the slots, too. */
  enter(delivery: Delivery): void {
    const { queue } = delivery
    if (!this.#alone) queue.share.began(performance.now(), this.#clock - CREDIT_MS)
    this.#running++
    queue.running++
    const task = queue.taskOf(delivery.message)
    delivery.task = task
    if (task) task.running++
  }

  leave(delivery: Delivery): void {
    const { queue } = delivery
    if (!this.#alone) queue.share.ended(performance.now())
    this.#running--
    queue.running--
    queue.prefetch.finished(Math.max(0, delivery.endedMs - delivery.startedMs))
    if (delivery.task) delivery.task.running--
  }

  /**
   * Its part, by weight, of the free slots that nothing of another queue is on its way to. And, where none is free, the
   * one that will be next, if this queue has had less than another that competes: else those that wait in a buffer already
   * would always be faster.
   */
  #part(queue: QueueRun, free: number, own: number): number {
    const nowMs = performance.now()
    const had = this.#had(queue, nowMs)
    let open = free
    let weights = queue.weight
    let next = false
    for (const other of this.#queues) {
      if (other === queue) continue
      const { buffer, demand, running } = other
      const waiting = buffer.length - this.blocked(other)
      const coming = demand.leasing ? Math.max(waiting, other.offered) : waiting
      open -= coming
      if (!demand.idle && !demand.leasing && running + coming < other.concurrency) weights += other.weight
      next ||= (running + waiting > 0 || !demand.idle) && had <= this.#had(other, nowMs)
    }
    if (own <= 0 && queue.concurrency < this.#concurrency) return 0
    return Math.max(Math.min(Math.ceil((open * queue.weight) / weights), own), next ? 1 : 0)
  }

  #take(): Delivery | null {
    const nowMs = this.#alone ? 0 : performance.now()
    let least = Number.POSITIVE_INFINITY
    let taken: QueueRun | null = null
    let index = 0
    for (const queue of this.#queues) {
      if (queue.running >= queue.concurrency || queue.buffer.length === 0) continue
      const had = this.#had(queue, nowMs)
      if (had >= least) continue
      const first = queue.hasLimits ? queue.buffer.findIndex((delivery) => mayRun(delivery)) : 0
      if (first < 0) continue
      least = had
      taken = queue
      index = first
    }
    if (!taken) return null
    this.#clock = Math.max(this.#clock, least)
    return (index === 0 ? taken.buffer.shift() : taken.buffer.splice(index, 1)[0]) as Delivery
  }

  #had({ share }: QueueRun, nowMs: number): number {
    return this.#alone ? 0 : Math.max(share.had(nowMs), this.#clock - CREDIT_MS)
  }
}

/** A task at its own limit lets those behind it pass. */
function mayRun({ queue, message }: Delivery): boolean {
  const task = queue.taskOf(message)
  return !task || task.running < task.concurrency
}
