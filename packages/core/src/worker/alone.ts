/** What the workers of one process tell each other, also those of two copies of this library. Plain data and functions. */
export interface AloneMember {
  /** Handlers, prefetched messages, leases under way and strays: whatever could be to blame for the process's end. */
  company(): number
  /** While quiet, a worker leases nothing; what it holds it finishes. */
  quiet(on: boolean): void
  /** Somebody's company changed, or the floor is free. */
  changed(): void
}

interface Registry {
  readonly members: Set<AloneMember>
  holder: AloneMember | null
  /** What was last said to all members. */
  quiet?: boolean
}

/** The one exception to "no state lives in a module": to be alone means in this process. */
const KEY = Symbol.for('@pgmq/alone')

function registry(): Registry {
  const all = globalThis as { [KEY]?: Registry }
  all[KEY] ??= { members: new Set(), holder: null }
  return all[KEY]
}

export function join(member: AloneMember): void {
  const { members, quiet } = registry()
  members.add(member)
  if (quiet) member.quiet(true)
}

export function leave(member: AloneMember): void {
  registry().members.delete(member)
  yieldFloor(member)
  announce()
}

/** Takes the floor where nobody has it: from then on every worker of the process is quiet. */
export function takeFloor(member: AloneMember): boolean {
  const all = registry()
  if (all.holder && all.holder !== member) return false
  all.holder = member
  quietAll(true)
  return true
}

/** Lets the others go on while the floor is still held: they join what runs. */
export function quietAll(on: boolean): void {
  const all = registry()
  all.quiet = on
  for (const member of all.members) member.quiet(on)
}

export function yieldFloor(member: AloneMember): void {
  const all = registry()
  if (all.holder !== member) return
  all.holder = null
  quietAll(false)
  for (const other of all.members) other.changed()
}

/** What runs, or may run, in the whole process. */
export function companyOfProcess(): number {
  let sum = 0
  for (const member of registry().members) sum += member.company()
  return sum
}

export function announce(): void {
  if (!registry().holder) return
  for (const member of registry().members) member.changed()
}
