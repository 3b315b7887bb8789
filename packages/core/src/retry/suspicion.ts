import type { History } from './history.js'

/** `run`: as any other. `suspect`: alone, if it can be had. `convicted`: dead-lettered as `crash_loop`, unrun. */
export type Suspicion = 'run' | 'suspect' | 'convicted'

/**
 * Suspicion is a guess, conviction a record.
 *
 * A crash may be a neighbour's fault, another consumer's read or an outage, so two of them only make a suspect. A
 * delivery that began alone and never ended is evidence: `crashLimit` of those convict.
 */
export function suspicionOf(history: Pick<History, 'crashes' | 'alone'>, crashLimit: number): Suspicion {
  if (history.alone >= crashLimit) return 'convicted'
  return history.crashes >= 2 || history.alone > 0 ? 'suspect' : 'run'
}
