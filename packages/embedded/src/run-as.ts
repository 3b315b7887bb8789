import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import path from 'node:path'

/** The user that the server's processes run as: PostgreSQL refuses to run as root. */
export interface RunAs {
  readonly uid: number
  readonly gid: number
  readonly name: string
}

export function isRoot(): boolean {
  return process.getuid?.() === 0
}

/** An unprivileged user of this system when this process is root, else undefined: the server then runs as ourselves. */
export function unprivilegedUser(): RunAs | undefined {
  if (!isRoot()) return undefined
  for (const name of ['postgres', '_postgres', 'nobody']) {
    const uid = id('-u', name)
    const gid = id('-g', name)
    if (uid !== undefined && gid !== undefined) return { uid, gid, name }
  }
  throw new Error(
    'PostgreSQL refuses to run as root, and there is no user "postgres" or "nobody" to run it as. Run this program as another user, or add one: useradd --system postgres',
  )
}

function id(flag: string, name: string): number | undefined {
  try {
    const number = Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
    return Number.isInteger(number) ? number : undefined
  } catch {
    return undefined
  }
}

/** The first directory on the way to `dir` that `user` may not pass, if any. Looks at permission bits alone, not at ACLs. */
export function closedTo(user: RunAs | undefined, dir: string): string | undefined {
  if (user === undefined) return undefined
  const parent = path.dirname(dir)
  const above = parent === dir ? undefined : closedTo(user, parent)
  if (above !== undefined) return above
  const stat = statSync(dir, { throwIfNoEntry: false })
  if (stat === undefined) return undefined
  const bit = stat.uid === user.uid ? 0o100 : stat.gid === user.gid ? 0o010 : 0o001
  return (stat.mode & bit) === 0 ? dir : undefined
}
