import { describe, expect, it } from 'vitest'
import { Suite } from './suite.js'

/** What is broken in the library on purpose, the scenario that must find it, and what it must find. */
const MUTATIONS = [
  {
    patch: 'no-fence',
    scenario: 'stale_worker',
    finds: 'acknowledged, renewed or given back by another than the holder of its lease',
  },
  {
    patch: 'fence-without-stamp',
    scenario: 'failover_async',
    finds: 'acknowledged, renewed or given back by another than the holder of its lease',
  },
  { patch: 'no-heartbeat', scenario: 'slow_handler', finds: 'each job ran once, and no lease was lost' },
  { patch: 'no-reconnect', scenario: 'postgres_restart', finds: 'every worker is alive and ready' },
  {
    patch: 'suspects-in-company',
    scenario: 'poison',
    finds: 'dead, though it neither fails, hangs nor kills its process',
  },
] as const

describe('the suite can fail', () => {
  it.each(MUTATIONS)('$scenario finds $patch', async ({ patch, scenario, finds }) => {
    await using suite = await Suite.build(patch)
    const { code, broken, said } = await suite.run(scenario)
    expect(broken, said).toContain(finds)
    expect(said).toContain(finds)
    expect(code).toBe(1)
  })

  it.each(MUTATIONS)('$scenario finds nothing without it', async ({ scenario }) => {
    await using suite = await Suite.build(null)
    const { code, broken, said } = await suite.run(scenario)
    expect(broken, said).toEqual([])
    expect(code).toBe(0)
  })
})
