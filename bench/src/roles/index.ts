import type { SystemName } from '../systems/index.js'
import { account } from './account.js'
import { commit } from './commit.js'
import { consume } from './consume.js'
import { enqueue } from './enqueue.js'
import { fill } from './fill.js'
import { look } from './look.js'
import { pickup } from './pickup.js'
import { trickle } from './trickle.js'

export const roles = { account, commit, consume, enqueue, fill, look, pickup, trickle }

export type RoleName = keyof typeof roles
export type RoleOptions<R extends RoleName> =
  Parameters<(typeof roles)[R]> extends [unknown, infer Options, ...unknown[]] ? Options : Record<string, never>
export type RoleResult<R extends RoleName> = Awaited<ReturnType<(typeof roles)[R]>>

/** The first message to the process of a role. */
export interface Play<R extends RoleName = RoleName> {
  readonly role: R
  readonly system: SystemName
  readonly url: string
  readonly options: RoleOptions<R>
}
