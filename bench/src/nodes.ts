import { spawnSync } from 'node:child_process'

/** The Node.js that runs the systems: the peers need a newer one than the library does. */
export interface Nodes {
  readonly current: string
  readonly currentVersion: string
  /** The oldest supported major, when this is run by it. */
  readonly node20: string | null
}

/** Node.js 24 comes from npm, unless this runs on it. */
export function findNodes(): Nodes {
  const major = Number(process.versions.node.split('.')[0])
  const node20 = major === 20 ? process.execPath : null
  if (major >= 24) return { current: process.execPath, currentVersion: process.version, node20 }
  const { stdout, stderr, status } = spawnSync(
    'npx',
    [
      '--yes',
      '--package',
      'node@24',
      '--call',
      'node --print "process.execPath + String.fromCharCode(10) + process.version"',
    ],
    { encoding: 'utf8', shell: process.platform === 'win32' },
  )
  const [current, currentVersion] = stdout.trim().split('\n')
  if (status !== 0 || !current || !currentVersion) throw new Error(`Node.js 24 could not be had from npm: ${stderr}`)
  return { current, currentVersion, node20 }
}
