import type { FleetSettings } from './fleet.js'
import type { Settings } from './server.js'
import type { Stage } from './stage.js'

/** A harm, and what must hold all the same. */
export interface Scenario {
  readonly name: string
  /** One line, as the list of scenarios has it. */
  readonly does: string
  readonly server?: Settings
  readonly fleet?: Partial<FleetSettings>
  /** What stands between the server and everybody else. @defaultValue nothing */
  readonly between?: 'proxy' | 'pooler'
  /** Starts workers and producers, measures, does the harm. The stage closes the books afterwards. */
  run(stage: Stage): Promise<void>
}

/** Something that must hold, and whether it did. */
export interface Claim {
  readonly what: string
  readonly holds: boolean
  readonly detail: string
  /** About a rate: on a machine with other work it fails a run with `--strict` alone. */
  readonly ofRate: boolean
}
