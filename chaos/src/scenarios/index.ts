import type { Scenario } from '../scenario.js'
import type { Adapter } from '../wire.js'
import { activeReaders } from './active-readers.js'
import { clock } from './clock.js'
import { crashRecovery } from './crash-recovery.js'
import { eventBurst } from './event-burst.js'
import { failover } from './failover.js'
import { failoverAsync } from './failover-async.js'
import { halfOpen } from './half-open.js'
import { hostileInput } from './hostile-input.js'
import { idleInTx } from './idle-in-tx.js'
import { lateCommit } from './late-commit.js'
import { lostReply } from './lost-reply.js'
import { pgBackendKill } from './pg-backend-kill.js'
import { poison } from './poison.js'
import { poolExhaustion } from './pool-exhaustion.js'
import { pooler } from './pooler.js'
import { postgresRestart } from './postgres-restart.js'
import { repeatedKills } from './repeated-kills.js'
import { rollingDeploy } from './rolling-deploy.js'
import { slowHandler } from './slow-handler.js'
import { staleWorker } from './stale-worker.js'
import { sustainedHighLoad } from './sustained-high-load.js'

/** In the order in which they run. */
export const SCENARIOS: readonly Scenario[] = [
  crashRecovery,
  repeatedKills,
  postgresRestart,
  pgBackendKill,
  poolExhaustion,
  halfOpen,
  lostReply,
  failover,
  failoverAsync,
  pooler,
  idleInTx,
  lateCommit,
  activeReaders,
  sustainedHighLoad,
  eventBurst,
  poison,
  slowHandler,
  rollingDeploy,
  staleWorker,
  clock,
  hostileInput,
]

export interface Playing {
  readonly scenario: Scenario
  readonly adapter: Adapter
}

const over = (adapter: Adapter, ...scenarios: readonly Scenario[]): Playing[] =>
  scenarios.map((scenario) => ({ scenario, adapter }))

/** What runs before a merge, a few minutes together. What is about connections runs over both adapters. */
export const CI: readonly Playing[] = [
  ...over('node-pg', crashRecovery, postgresRestart, pgBackendKill, poison, staleWorker, hostileInput),
  ...over('postgres-js', postgresRestart, pgBackendKill),
]
