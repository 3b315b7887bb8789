import type { HeaderPatch } from '../retry/counters.js'
import type { Doing } from '../session.js'
import { again } from '../statements/again.js'
import type { Delivery } from './delivery.js'
import type { Link } from './link.js'

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

  constructor(link: Link) {
    this.#link = link
  }

  /** Never rejects. */
  renew(delivery: Delivery, patch: HeaderPatch): Promise<Renewed> {
    return new Promise((resolve) => {
      this.#waiting.push({ delivery, patch, resolve })
      if (this.#waiting.length === 1) queueMicrotask(() => this.#flush())
    })
  }

  #flush(): void {
    const all = this.#waiting.splice(0)
    for (const queue of new Set(all.map(({ delivery }) => delivery.queue)))
      void this.#send(all.filter(({ delivery }) => delivery.queue === queue))
  }

  async #send(group: readonly Waiting[]): Promise<void> {
    const sorted = [...group].sort((a, b) => Number(a.delivery.fence.id) - Number(b.delivery.fence.id))
    const { name, visibilitySeconds, visibilityMs } = (sorted[0] as Waiting).delivery.queue
    const doing: Doing = { verb: `retry messages of "${name.logical}"`, grants: 'grant select, update on pgmq."q_{q}"' }
    const fences = sorted.map(({ delivery }) => delivery.fence)
    const patches = sorted.map(({ patch }) => patch)
    const sentMs = performance.now()
    try {
      const renewed = await this.#link.run(name, doing, (shape) => again(shape, fences, patches, visibilitySeconds))
      for (const { delivery, patch, resolve } of sorted) {
        const fence = renewed.get(delivery.key)
        resolve(fence ? delivery.next(fence, patch, sentMs + visibilityMs) : null)
      }
    } catch {
      for (const { resolve } of sorted) resolve('failed')
    }
  }
}
