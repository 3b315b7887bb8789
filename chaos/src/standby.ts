import { execFile } from 'node:child_process'
import { chown, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { type EmbeddedPostgres, startPostgres } from '@pgmq/embedded'
import type { Server } from './server.js'
import { until } from './until.js'

const NAME = 'standby'
const IN_SYNC_MS = 30_000

/**
 * A streaming replica that the primary waits for: what is committed is in both. The embedded build has no pg_basebackup,
 * so this is what that does: https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP
 */
export async function startStandby(primary: Server): Promise<EmbeddedPostgres> {
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
  const primary_conninfo = `host=127.0.0.1 port=${primary.port} user=postgres application_name=${NAME}`
  const standby = await startPostgres({ dataDir, settings: { primary_conninfo } })
  await primary.sql(`alter system set synchronous_standby_names = '${NAME}'`)
  await primary.sql('select pg_reload_conf()')
  const synchronous = async (): Promise<boolean> =>
    (await primary.sql(`select from pg_stat_replication where sync_state = 'sync'`)).length > 0
  if (await until(synchronous, IN_SYNC_MS)) return standby
  await standby.stop({ mode: 'immediate' })
  throw new Error(`the standby did not catch up within ${IN_SYNC_MS / 1000} s`)
}
