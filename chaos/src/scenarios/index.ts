import type { Scenario } from '../scenario.js'
import type { Adapter } from '../wire.js'
import { crashRecovery } from './crash-recovery.js'
import { hostileInput } from './hostile-input.js'
import { pgBackendKill } from './pg-backend-kill.js'
import { poison } from './poison.js'
import { postgresRestart } from './postgres-restart.js'
import { staleWorker } from './stale-worker.js'

/** In the order in which they run. */
export const SCENARIOS: readonly Scenario[] = [
  crashRecovery,
  postgresRestart,
  pgBackendKill,
  poison,
  staleWorker,
  hostileInput,
]

const over = (adapter: Adapter, ...scenarios: readonly Scenario[]): { scenario: Scenario; adapter: Adapter }[] =>
  scenarios.map((scenario) => ({ scenario, adapter }))

/** What runs before a merge, a few minutes together. What is about connections runs over both adapters. */
export const CI: readonly { readonly scenario: Scenario; readonly adapter: Adapter }[] = [
  ...over('node-pg', crashRecovery, postgresRestart, pgBackendKill, poison, staleWorker, hostileInput),
  ...over('postgres-js', postgresRestart, pgBackendKill),
]
