import { execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { startPostgres } from '@pgmq/embedded'
import pg from 'pg'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { ended, programPath, type Serving, serve } from './serving.js'
import { eventually, isAlive, isRemoved, ownDirectory, query, stopAfterTest, vanishes } from './situation.js'

const root = process.getuid?.() === 0
const mountObstacle = spawnSync('unshare', ['--mount', 'true']).status === 0 ? undefined : 'nothing may be mounted here'

describe('a server with a data directory', () => {
  let dir: string
  let dataDir: string
  /** The next server on the directory has every one of them. */
  const keeps = async (acknowledged: readonly unknown[]): Promise<void> => {
    const server = stopAfterTest(await startPostgres({ dataDir }))
    const kept = (await query(server.url, 'select msg_id from pgmq.q_emails')).map((row) => row.msg_id)
    expect(acknowledged.length).toBeGreaterThan(100)
    expect(kept).toEqual(expect.arrayContaining([...acknowledged]))
  }
  const drafts = (): string[] =>
    existsSync(dataDir) ? scratches(dataDir).map((name) => path.join(dataDir, name, 'data')) : []
  beforeEach(() => {
    dir = ownDirectory()
    dataDir = path.join(dir, 'data')
  })

  it('finds its data again', async () => {
    const first = await startPostgres({ dataDir })
    await query(first.url, `select pgmq.create('emails')`)
    await query(first.url, `select pgmq.send('emails', '{"to": "ada"}')`)
    await first.stop()

    const second = stopAfterTest(await startPostgres({ dataDir, port: first.port }))

    expect(second.url).toBe(first.url)
    expect(await query(second.url, 'select message from pgmq.q_emails')).toEqual([{ message: { to: 'ada' } }])
  })

  it('keeps what was acknowledged before an immediate stop', async () => {
    const first = await startPostgres({ dataDir })
    await query(first.url, `select pgmq.create('emails')`)

    const acknowledged = await sendUntil(first.url, () => first.stop({ mode: 'immediate' }))

    await keeps(acknowledged)
  })

  it.each([
    ['its program', ({ process: program }: Serving) => program.kill('SIGKILL')],
    ['the server', ({ pid }: Serving) => process.kill(pid, 'SIGKILL')],
    [
      'both of them',
      ({ process: program, pid }: Serving) => {
        process.kill(pid, 'SIGKILL')
        program.kill('SIGKILL')
      },
    ],
  ])('keeps what was acknowledged before %s got SIGKILL', async (_what, kill) => {
    const serving = await serve({ dataDir }, 'stay')
    onTestFinished(() => void serving.process.kill('SIGKILL'))
    await query(serving.url, `select pgmq.create('emails')`)

    const acknowledged = await sendUntil(serving.url, async () => void kill(serving))
    await vanishes(serving.pid)

    await keeps(acknowledged)
  })

  it('starts again after the server was killed', async () => {
    const first = await startPostgres({ dataDir })
    await query(first.url, `select pgmq.create('emails')`)
    process.kill(first.pid, 'SIGKILL')
    await vanishes(first.pid)
    expect(existsSync(path.join(dataDir, 'postmaster.pid'))).toBe(true)
    await first.stop()

    const second = stopAfterTest(await startPostgres({ dataDir }))

    expect(await query(second.url, 'select queue_name from pgmq.meta')).toEqual([{ queue_name: 'emails' }])
  })

  it.skipIf(process.platform !== 'linux')(
    'starts although the number of a killed server belongs to another program now',
    async () => {
      const first = await startPostgres({ dataDir })
      process.kill(first.pid, 'SIGKILL')
      await first.stop()
      const lockFile = path.join(dataDir, 'postmaster.pid')
      const sleep = root ? ['setpriv', '--reuid', String(statSync(dataDir).uid), '--clear-groups', 'sleep'] : ['sleep']
      const stranger = spawn(sleep[0] ?? '', [...sleep.slice(1), '60'])
      try {
        const lines = readFileSync(lockFile, 'utf8').split('\n')
        writeFileSync(lockFile, [stranger.pid, ...lines.slice(1)].join('\n'))

        const second = await startPostgres({ dataDir })
        await second.stop()
      } finally {
        stranger.kill('SIGKILL')
      }
    },
  )

  it('starts at once after its program was killed, when the server may still be stopping', async () => {
    const first = await serve({ dataDir }, 'stay')
    await query(first.url, `select pgmq.create('emails')`)
    first.process.kill('SIGKILL')

    const second = stopAfterTest(await startPostgres({ dataDir }))

    expect(second.pid).not.toBe(first.pid)
    expect(await query(second.url, 'select queue_name from pgmq.meta')).toEqual([{ queue_name: 'emails' }])
  })

  it('is refused while another server runs on the directory', async () => {
    const first = stopAfterTest(await startPostgres({ dataDir }))

    await expect(startPostgres({ dataDir })).rejects.toThrow(
      `dataDir ${dataDir} is in use by another server (pid ${first.pid}, port ${first.port}). Connect to that one, stop it, or`,
    )
    expect(await query(first.url, 'select 1 as one')).toEqual([{ one: 1 }])
  })

  it('lets one of two win that start on it at the same time', async () => {
    await (await startPostgres({ dataDir })).stop()

    const results = await Promise.allSettled([startPostgres({ dataDir }), startPostgres({ dataDir })])

    const started = results.flatMap((result) => (result.status === 'fulfilled' ? [stopAfterTest(result.value)] : []))
    expect(started).toHaveLength(1)
    expect(results.find((result) => result.status === 'rejected')?.reason).toMatchObject({
      message: expect.stringContaining('in use'),
    })
  })

  it('is refused on the data of another major version', async () => {
    await (await startPostgres({ dataDir, version: 17 })).stop()

    await expect(startPostgres({ dataDir })).rejects.toThrow(
      `dataDir ${dataDir} was initialised by PostgreSQL 17 and cannot be used by 18. Give version: 17, or`,
    )
  })

  it('is refused on a directory with something else in it', async () => {
    mkdirSync(dataDir)
    writeFileSync(path.join(dataDir, 'thesis.txt'), 'chapter one')

    await expect(startPostgres({ dataDir })).rejects.toThrow(
      `dataDir ${dataDir} is not empty and holds no PostgreSQL data`,
    )
    expect(readdirSync(dataDir)).toEqual(['thesis.txt'])
  })

  it('takes an empty directory, and creates missing ones', async () => {
    mkdirSync(dataDir)
    await (await startPostgres({ dataDir })).stop()
    const deep = path.join(dir, 'a/b/data')
    await (await startPostgres({ dataDir: deep })).stop()

    expect(existsSync(path.join(dataDir, 'PG_VERSION'))).toBe(true)
    expect(existsSync(path.join(deep, 'PG_VERSION'))).toBe(true)
    expect(readdirSync(dir).sort()).toEqual(['a', 'data'])
  })

  it('is made by the next start when the first was killed half-way', async () => {
    const child = spawn(process.execPath, [programPath('serve.mjs'), JSON.stringify({ dataDir }), 'stay'], {
      stdio: 'ignore',
    })
    await eventually(() => drafts().some((draft) => existsSync(path.join(draft, 'global'))))
    child.kill('SIGKILL')
    await eventually(() => child.signalCode !== null)
    expect(existsSync(path.join(dataDir, 'PG_VERSION'))).toBe(false)

    const server = stopAfterTest(await startPostgres({ dataDir }))

    expect(await query(server.url, `select extname from pg_extension where extname = 'pgmq'`)).toEqual([
      { extname: 'pgmq' },
    ])
    expect(readdirSync(dir)).toEqual(['data'])
    await server.stop()
    expect(scratches(dataDir)).toEqual([])
  })

  it('is completed by the next start when the first was killed while it moved the data to their place', async () => {
    await (await startPostgres({ dataDir })).stop()
    const scratch = path.join(dataDir, 'pgmq-embedded-0123456789ab')
    mkdirSync(path.join(scratch, 'data'), { recursive: true })
    for (const name of ['PG_VERSION', 'global', 'pg_wal'])
      renameSync(path.join(dataDir, name), path.join(scratch, 'data', name))
    const keeper = { pid: await pidOfNobody(), machine: `${os.hostname()} ${readlinkSync('/proc/self/ns/pid')}` }
    writeFileSync(path.join(scratch, 'keeper.json'), JSON.stringify(keeper))

    const server = stopAfterTest(await startPostgres({ dataDir }))

    expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }])
    expect(scratches(dataDir)).not.toContain(path.basename(scratch))
  })

  it('is made by one of two that start on it for the first time, and used by it', async () => {
    const results = await Promise.allSettled([startPostgres({ dataDir }), startPostgres({ dataDir })])

    const started = results.flatMap((result) => (result.status === 'fulfilled' ? [stopAfterTest(result.value)] : []))
    expect(started).toHaveLength(1)
    expect(await query(started[0]?.url ?? '', 'select queue_name from pgmq.meta')).toEqual([])
  })

  it('may be a symbolic link to an empty directory, in one that cannot be written', async () => {
    mkdirSync(path.join(dir, 'real'))
    symlinkSync(path.join(dir, 'real'), dataDir)

    await (await startPostgres({ dataDir })).stop()
    const again = stopAfterTest(await startPostgres({ dataDir }))

    expect(again.logFile).toBe(path.join(dataDir, 'server.log'))
    expect(existsSync(path.join(dir, 'real/PG_VERSION'))).toBe(true)
    expect(readdirSync(dir).sort()).toEqual(['data', 'real'])
  })

  it.skipIf(mountObstacle !== undefined)(
    `may be an empty mount point${mountObstacle ? ` (skipped: ${mountObstacle})` : ''}`,
    async () => {
      mkdirSync(dataDir)
      execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', dataDir])
      try {
        mkdirSync(path.join(dataDir, 'lost+found'), { mode: 0o700 })
        await (await startPostgres({ dataDir })).stop()
        const again = await startPostgres({ dataDir })
        await again.stop()
      } finally {
        execFileSync('umount', ['--lazy', dataDir])
      }
    },
  )

  it.each([
    ['is a file', 'letters.txt', 'letters.txt is no directory'],
    ['is below a file', 'letters.txt/data', 'letters.txt is no directory'],
    ['is a link to nothing', 'dangling', 'dangling is a symbolic link to nothing'],
  ])('is refused when it %s', async (_what, name, reason) => {
    writeFileSync(path.join(dir, 'letters.txt'), 'mine')
    symlinkSync(path.join(dir, 'nowhere'), path.join(dir, 'dangling'))

    await expect(startPostgres({ dataDir: path.join(dir, name) })).rejects.toThrow(
      `dataDir ${path.join(dir, name)} cannot be used: ${path.join(dir, reason)}. Choose another directory`,
    )
    expect(readFileSync(path.join(dir, 'letters.txt'), 'utf8')).toBe('mine')
  })

  it.skipIf(process.platform !== 'linux')('is refused where no directory can be made', async () => {
    await expect(startPostgres({ dataDir: '/proc/x' })).rejects.toThrow(
      /^dataDir \/proc\/x cannot be used: .*Choose another directory/,
    )
  })

  it.skipIf(!root)('is refused where a normal user may not write, with the true cause', async () => {
    const closed = path.join(dir, 'closed')
    mkdirSync(closed, { mode: 0o755 })

    await expect(
      serve({ dataDir: path.join(closed, 'data'), cacheDir: path.join(ownedByNobody(dir), 'cache') }, 'leave', {
        command: ['setpriv', '--reuid', 'nobody', '--regid', 'nogroup', '--clear-groups'],
      }),
    ).rejects.toThrow(`dataDir ${path.join(closed, 'data')} cannot be used: ${closed} cannot be written (EACCES)`)
  })

  it.skipIf(!root)('is refused where the unprivileged user cannot reach it', async () => {
    const closed = path.join(dir, 'closed')
    mkdirSync(closed, { mode: 0o700 })
    const unreachable = path.join(closed, 'data')

    await expect(startPostgres({ dataDir: unreachable })).rejects.toThrow(
      new RegExp(
        `dataDir ${unreachable} cannot be reached by user "\\w+", .*: ${closed} is closed to it. .* chmod o\\+x ${closed}`,
      ),
    )
    expect(readdirSync(closed)).toEqual([])
  })

  it('goes on with the server when only a part of its path is long', async () => {
    const long = path.join(dir, 'x'.repeat(120), 'data')
    const server = stopAfterTest(await startPostgres({ dataDir: long }))

    expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }])
    await server.stop()
    expect(isAlive(server.pid)).toBe(false)
    await isRemoved(path.join(long, 'postmaster.pid'))
  })
})

function scratches(dataDir: string): string[] {
  return readdirSync(dataDir).filter((name) => name.startsWith('pgmq-embedded-'))
}

function ownedByNobody(dir: string): string {
  const own = path.join(dir, 'own')
  mkdirSync(own)
  execFileSync('chown', ['nobody:nogroup', own])
  return own
}

/** The number of a process that is gone. */
async function pidOfNobody(): Promise<number> {
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' })
  await ended(child)
  return child.pid ?? Number.NaN
}

/** Sends messages one by one until `stop`, called after 200 of them, ends the connection; gives the ids that were acknowledged. */
async function sendUntil(url: string, stop: () => Promise<void>): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  const acknowledged: unknown[] = []
  let stopped: Promise<void> | undefined
  try {
    for (;;) {
      const { rows } = await client.query(`select pgmq.send('emails', '{}') as id`)
      acknowledged.push(rows[0]?.id)
      if (acknowledged.length === 200) stopped = stop()
    }
  } catch {
    // the connection is gone
  }
  await stopped
  return acknowledged
}
