import { execFileSync, spawnSync } from 'node:child_process'
import { accessSync, chownSync, constants, mkdirSync, readdirSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { ended, serve } from './serving.js'
import { isRemoved, ownDirectory, query, vanishes } from './situation.js'

const root = process.getuid?.() === 0

/** Why the test cannot run here, if so. */
function obstacle(): string | undefined {
  if (!root) return 'this process is not root, so every other test runs as a normal user already'
  if (spawnSync('setpriv', ['--version']).status !== 0) return 'there is no setpriv to become another user with'
  if (spawnSync('setpriv', [...asNobody, process.execPath, '--version']).status !== 0)
    return 'user nobody cannot run this node'
  return undefined
}

const asNobody = ['--reuid', 'nobody', '--regid', 'nogroup', '--clear-groups']

describe('the user', () => {
  const reason = obstacle()

  it.skipIf(reason !== undefined)(
    `may be a normal one without a home${reason ? ` (skipped: ${reason})` : ''}`,
    async () => {
      const dir = ownDirectory()
      await chmod(dir, 0o777)
      const { HOME: _, XDG_CACHE_HOME: __, ...env } = process.env

      const serving = await serve({ durable: false }, 'stay', {
        command: ['setpriv', ...asNobody],
        env: { ...env, TMPDIR: dir },
      })

      expect(await query(serving.url, `select pgmq.create('emails')`)).toHaveLength(1)
      const owner = execFileSync('ps', ['-o', 'user=', '-p', String(serving.pid)], { encoding: 'utf8' }).trim()
      expect(owner).toBe('nobody')
      serving.process.kill('SIGKILL')
      await vanishes(serving.pid)
      await isRemoved(path.dirname(serving.dataDir))
      expect(readdirSync(dir)).toEqual(['pgmq-embedded-cache-65534'])
    },
  )

  it('may have an empty HOME', async () => {
    const dir = ownDirectory()
    const { XDG_CACHE_HOME: _, ...env } = process.env

    const serving = await serve({ durable: false }, 'leave', { env: { ...env, HOME: '', TMPDIR: dir } })

    expect(await ended(serving.process)).toBe(0)
    await vanishes(serving.pid)
  })

  it.skipIf(!root)("root gets a server that does not run as root, and keeps the data's owner", async () => {
    const dir = ownDirectory()
    const dataDir = path.join(dir, 'data')
    const first = await serve({ dataDir }, 'stay')
    const owner = execFileSync('ps', ['-o', 'uid=', '-p', String(first.pid)], { encoding: 'utf8' }).trim()
    expect(owner).not.toBe('0')
    first.process.kill('SIGKILL')
    await vanishes(first.pid)
    execFileSync('chown', ['-R', 'nobody:nogroup', dataDir])

    const second = await serve({ dataDir }, 'stay')
    try {
      expect(execFileSync('ps', ['-o', 'user=', '-p', String(second.pid)], { encoding: 'utf8' }).trim()).toBe('nobody')
    } finally {
      second.process.kill('SIGKILL')
      await vanishes(second.pid)
    }
  })

  it.skipIf(!root)('root is told when the data belong to root', async () => {
    const dir = ownDirectory()
    const dataDir = path.join(dir, 'data')
    mkdirSync(dataDir)
    execFileSync('sh', ['-c', 'echo 18 > "$0/PG_VERSION"', dataDir])
    chownSync(dataDir, 0, 0)
    accessSync(dataDir, constants.R_OK)

    await expect(serve({ dataDir }, 'leave')).rejects.toThrow(
      `dataDir ${dataDir} belongs to root, and PostgreSQL refuses to run as root. Run: chown -R`,
    )
  })
})
