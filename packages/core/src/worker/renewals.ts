import { isPgmqError } from '../errors.js'
import { compareIds, type Fence } from '../message.js'
import type { QueueName } from '../queue-name.js'
import type { HeaderPatch } from '../retry/counters.js'
import type { Doing } from '../session.js'
import { again, findRenewed } from '../statements/again.js'
import type { QueueShape, Statement } from '../statements/parts.js'
import type { Delivery } from './delivery.js'
import type { Link } from './link.js'

const LOOK_AGAIN_MS = 200

/** `null`: the lease was lost. `failed`: no answer, or a refusal. */
export type Renewed = Delivery | null | 'failed'

interface Waiting {
  readonly delivery: Delivery
  readonly patch: HeaderPatch
  readonly resolve: (renewed: Renewed) => void
}

/** Ends deliveries and begins the next ones in place; those of one turn of the event loop share a statement a queue. */
export class Renewals {
  readonly #link: Link
  #waiting: Waiting[] = []
  #size = 0
  #stopped = false

  constructor(link: Link) {
    this.#link = link
  }

  /** What is in doubt stays so. */
  stop(): void {
    this.#stopped = true
  }

  /** Renewals under way. */
  get size(): number {
    return this.#size
  }

  /** Never rejects. */
  renew(delivery: Delivery, patch: HeaderPatch): Promise<Renewed> {
    this.#size++
    return new Promise((resolve) => {
      const done = (renewed: Renewed): void => {
        this.#size--
        resolve(renewed)
      }
      this.#waiting.push({ delivery, patch, resolve: done })
      if (this.#waiting.length === 1) queueMicrotask(() => this.#flush())
    })
  }

  #flush(): void {
    const all = this.#waiting.splice(0)
    for (const queue of new Set(all.map(({ delivery }) => delivery.queue)))
      void this.#send(all.filter(({ delivery }) => delivery.queue === queue))
  }

  async #send(group: readonly Waiting[]): Promise<void> {
    const sorted = [...group].sort((a, b) => compareIds(a.delivery.fence.id, b.delivery.fence.id))
    const { name, visibilitySeconds, visibilityMs } = (sorted[0] as Waiting).delivery.queue
    const doing: Doing = { verb: `retry messages of "${name.logical}"`, grants: 'grant select, update on pgmq."q_{q}"' }
    const fences = sorted.map(({ delivery }) => delivery.fence)
    const patches = sorted.map(({ patch }) => patch)
    const sentMs = performance.now()
    const answer = (renewed: ReadonlyMap<string, Fence>, missing: null | 'failed'): void => {
      for (const { delivery, patch, resolve } of sorted) {
        const fence = renewed.get(delivery.key)
        resolve(fence ? delivery.next(fence, patch, sentMs + visibilityMs) : missing)
      }
    }
    try {
      answer(await this.#link.run(name, doing, (shape) => again(shape, fences, patches, visibilitySeconds)), null)
    } catch (error) {
      const unknown = isPgmqError(error, 'OUTCOME_UNKNOWN')
      const find = (shape: QueueShape): Statement<Map<string, Fence>> => findRenewed(shape, fences, patches)
      answer(unknown ? await this.#lookUp(name, doing, find) : new Map(), 'failed')
    }
  }

  /** The reply was lost. What was renewed without our knowing would be nobody's, and a record of it false evidence. */
  async #lookUp(
    name: QueueName,
    doing: Doing,
    find: (shape: QueueShape) => Statement<Map<string, Fence>>,
  ): Promise<ReadonlyMap<string, Fence>> {
    while (!this.#stopped) {
      const found = await this.#link.run(name, doing, find).catch(() => null)
      if (found) return found
      await new Promise<void>((resolve) => setTimeout(resolve, LOOK_AGAIN_MS))
    }
    return new Map()
  }
}
