import type { System } from '../systems/system.js'

export interface Account {
  readonly left: number
  readonly kept: number | null
}

/** What the system's own tables say. */
export async function account(system: System): Promise<Account> {
  return { left: await system.left(), kept: await system.kept() }
}
