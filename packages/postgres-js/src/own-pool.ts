import { endsWithin } from '@pgmq/core/driver-kit'
import type { Dedicated } from './dedicated.js'
import type { Loan, Source } from './sources.js'

const MOST_CONNECTIONS = 10
const GOODBYE_MS = 5_000

/** The pool behind a connection string: each of its connections is one that can be cut. */
export class OwnPool implements Source {
  readonly scope = 'pool'
  readonly #open: () => Promise<Dedicated>
  readonly #all = new Set<Dedicated>()
  readonly #idle = new Set<Dedicated>()
  readonly #waiting: ((free?: Dedicated) => void)[] = []
  #places = MOST_CONNECTIONS

  constructor(open: () => Promise<Dedicated>) {
    this.#open = open
  }

  async take(): Promise<Loan> {
    const taken = await this.#free()
    taken.hold(true)
    const loan = await taken.source.take()
    return {
      ...loan,
      giveBack: (spoilt) => {
        loan.giveBack(spoilt)
        if (spoilt) return
        const next = this.#waiting.shift()
        if (next) return next(taken)
        // An idle pool has nothing to lose, so it keeps no process alive: scripts need not close their client.
        taken.hold(false)
        this.#idle.add(taken)
      },
    }
  }

  /** Lets running statements end, but does not wait for a server that does not answer. */
  async end(): Promise<void> {
    const goodbyes = [...this.#all].map(async (each) => {
      await endsWithin(each.source.take(), GOODBYE_MS)
      await each.release()
    })
    await Promise.all(goodbyes)
  }

  async #free(): Promise<Dedicated> {
    for (const known of this.#idle) {
      // At once, lest whoever asks at the same time gets it, too.
      this.#idle.delete(known)
      return known
    }
    if (this.#places > 0) return await this.#make()
    const free = await new Promise<Dedicated | undefined>((resolve) => this.#waiting.push(resolve))
    return free ?? (await this.#free())
  }

  async #make(): Promise<Dedicated> {
    this.#places--
    const leave = (): void => {
      this.#places++
      this.#waiting.shift()?.()
    }
    const made = await this.#open().catch((error: unknown) => {
      leave()
      throw error
    })
    this.#all.add(made)
    void made.over.then(() => {
      this.#all.delete(made)
      this.#idle.delete(made)
      leave()
    })
    return made
  }
}
