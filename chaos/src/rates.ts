import { rateIn, recoveryAfter, type Stretch } from './measure.js'
import type { Sql } from './server.js'

export type Phase = 'baseline' | 'during' | 'after'

/** As in the list of scenarios: a rate has recovered when it is so near the one before. */
export const RECOVERED = 0.95

/** The phases of a run, and how many jobs were done in each. */
export class Rates {
  readonly #sql: Sql
  readonly #phases = new Map<Phase, Stretch>()

  constructor(sql: Sql) {
    this.#sql = sql
  }

  async measure(phase: Phase, run: () => Promise<unknown>): Promise<void> {
    const fromMs = Date.now()
    await run()
    this.#phases.set(phase, { fromMs, toMs: Date.now() })
  }

  /** Jobs a second; null where there was no such phase. */
  async of(phase: Phase): Promise<number | null> {
    const stretch = this.#phases.get(phase)
    return stretch ? await rateIn(this.#sql, stretch) : null
  }

  async all(): Promise<Record<Phase, number | null>> {
    return { baseline: await this.of('baseline'), during: await this.of('during'), after: await this.of('after') }
  }

  /** Seconds from the end of the harm until the rate is back; null: not measured, or not seen. */
  async recovery(): Promise<number | null> {
    const baseline = await this.of('baseline')
    const harm = this.#phases.get('during')
    const after = this.#phases.get('after')
    if (!harm || !after || !baseline) return null
    return await recoveryAfter(this.#sql, harm.toMs, after.toMs, baseline * RECOVERED)
  }
}
