import type { Delivery } from './delivery.js'
import type { QueueRun } from './queue-run.js'

/** The worker's slots, shared by its queues: which delivery runs next. */
export class Slots {
  readonly #queues: readonly QueueRun[]
  readonly #start: (delivery: Delivery) => void
  readonly #concurrency: number
  #running = 0
  #next = 0

  constructor(queues: readonly QueueRun[], concurrency: number, start: (delivery: Delivery) => void) {
    this.#queues = queues
    this.#concurrency = concurrency
    this.#start = start
  }

  get running(): number {
    return this.#running
  }

  /** Slots that could run something of this queue now. */
  free(queue: QueueRun): number {
    return Math.max(0, Math.min(this.#concurrency - this.#running, queue.concurrency - queue.running))
  }

  /** Buffered deliveries whose task is at its own limit. */
  blocked({ buffer, hasLimits }: QueueRun): number {
    return hasLimits ? buffer.reduce((sum, delivery) => sum + (mayRun(delivery) ? 0 : 1), 0) : 0
  }

  /** Fills free slots from the queues' buffers, in turn. */
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
    this.#running++
    delivery.queue.running++
    const task = delivery.queue.taskOf(delivery.message)
    delivery.task = task
    if (task) task.running++
  }

  leave(delivery: Delivery): void {
    this.#running--
    delivery.queue.running--
    delivery.queue.prefetch.finished()
    if (delivery.task) delivery.task.running--
  }

  #take(): Delivery | null {
    for (let i = 0; i < this.#queues.length; i++) {
      const queue = this.#queues[(this.#next + i) % this.#queues.length] as QueueRun
      if (queue.running >= queue.concurrency || queue.buffer.length === 0) continue
      const index = queue.buffer.findIndex((delivery) => mayRun(delivery))
      if (index < 0) continue
      this.#next = (this.#next + i + 1) % this.#queues.length
      return (index === 0 ? queue.buffer.shift() : queue.buffer.splice(index, 1)[0]) as Delivery
    }
    return null
  }
}

/** A task at its own limit lets those behind it pass. */
function mayRun({ queue, message }: Delivery): boolean {
  const task = queue.taskOf(message)
  return !task || task.running < task.concurrency
}
