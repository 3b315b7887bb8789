import type { Result } from './report.js'
import type { Scenario } from './scenario.js'
import { type RunOptions, Stage } from './stage.js'

/** Plays one scenario, and reads the books. */
export async function run(scenario: Scenario, options: RunOptions): Promise<Result> {
  await using stage = await Stage.open(scenario, options)
  await scenario.run(stage)
  return await stage.close()
}
