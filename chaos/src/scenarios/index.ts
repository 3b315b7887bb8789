import type { Scenario } from '../scenario.js'
import type { Adapter } from '../wire.js'
import { crashRecovery } from './crash-recovery.js'

/** In the order in which they are told of, which is the order in which they run. */
export const SCENARIOS: readonly Scenario[] = [crashRecovery]

/** What runs before a merge, a few minutes together. */
export const CI: readonly { readonly scenario: Scenario; readonly adapter: Adapter }[] = [
  { scenario: crashRecovery, adapter: 'node-pg' },
]
