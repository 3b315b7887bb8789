import { execFile } from 'node:child_process'
import { chown, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { type EmbeddedPostgres, startPostgres } from '@pgmq/embedded'
import type { Own } from './fleet.js'
import type { Server } from './server.js'
import { until } from './until.js'
import type { Adapter } from './wire.js'

const NAME = 'standby'
const STREAMS_MS = 30_000

/** A streaming replica that the primary waits for: what is committed is in both. */
export async function startSynchronousStandby(primary: Server): Promise<EmbeddedPostgres> {
  const standby = await startStandby(primary)
  await primary.sql(`alter system set synchronous_standby_names = '${NAME}'`)
  await primary.sql('select pg_reload_conf()')
  return await once(standby, async () => (await replicas(primary)).some(({ sync_state }) => sync_state === 'sync'))
}

/** A streaming replica that lags behind: it hears of a commit when it hears of it, by way of port `from`. */
export async function startStandby(primary: Server, from: number = primary.port): Promise<EmbeddedPostgres> {
  const dataDir = await baseBackup(primary)
  const primary_conninfo = `host=127.0.0.1 port=${from} user=postgres application_name=${NAME}`
  const standby = await startPostgres({ dataDir, settings: { primary_conninfo } })
  return await once(standby, async () => (await replicas(primary)).some(({ state }) => state === 'streaming'))
}

/** How workers find the primary. `pg` knows one host, so something has to lead there; postgres.js finds it among several. */
export function findsPrimary(adapter: Adapter, ports: readonly number[]): Own {
  if (adapter === 'node-pg') return {}
  const hosts = ports.map((port) => `127.0.0.1:${port}`).join()
  return {
    url: (name) => `postgres://postgres@${hosts}/postgres?application_name=${name}&target_session_attrs=read-write`,
  }
}

/**
 * The embedded build has no pg_basebackup, so this is what that does:
 * https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP
 */
async function baseBackup(primary: Server): Promise<string> {
  const dataDir = `${primary.dataDir}-standby`
  const session = await primary.connect()
  try {
    await session.query(`select pg_backup_start('standby', true)`)
    // With owner and modes, which no copy of Node's keeps.
    await promisify(execFile)('cp', ['-a', primary.dataDir, dataDir])
    const { rows } = await session.query<{ label: string }>('select labelfile label from pg_backup_stop()')
    for (const file of ['postmaster.pid', 'postmaster.opts']) await rm(path.join(dataDir, file), { force: true })
    const { uid, gid } = await stat(dataDir)
    for (const [name, text] of [
      ['backup_label', rows[0]?.label ?? ''],
      ['standby.signal', ''],
    ] as const) {
      await writeFile(path.join(dataDir, name), text, { mode: 0o600 })
      await chown(path.join(dataDir, name), uid, gid)
    }
  } finally {
    session.release()
  }
  return dataDir
}

async function replicas(primary: Server): Promise<{ state: string; sync_state: string }[]> {
  return await primary.sql(`select state, sync_state from pg_stat_replication where application_name = '${NAME}'`)
}

async function once(standby: EmbeddedPostgres, condition: () => Promise<boolean>): Promise<EmbeddedPostgres> {
  if (await until(condition, STREAMS_MS)) return standby
  await standby.stop({ mode: 'immediate' })
  throw new Error(`the standby did not catch up within ${STREAMS_MS / 1000} s`)
}
