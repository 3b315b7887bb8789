import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { type EmbeddedPostgres, startPostgres } from '@pgmq/embedded'
import { Failure, textOf } from '../failure.js'

/** The folder of this app, as seen from `dist/main.js`. */
const APP = fileURLToPath(new URL('..', import.meta.url))

/** @throws Failure */
export async function startOwnServer(chosen: string | undefined): Promise<EmbeddedPostgres> {
  const dataDir = path.resolve(chosen ?? defaultDataDir())
  try {
    return await startPostgres({ dataDir })
  } catch (error) {
    // What to do is in the error already; how that is done here is not.
    const means = '--data-dir names the directory; with DATABASE_URL a server of yours is used instead'
    throw new Failure(`cannot start PostgreSQL: ${textOf(error)} (${means})`, { cause: error })
  }
}

/**
 * Beside the app rather than where the user stands, so that a second start finds the first one's data from anywhere. As
 * root the server runs as another user, to whom the way there may be closed, as /root is.
 */
function defaultDataDir(): string {
  if (process.getuid?.() !== 0 || isOpenToAll(path.dirname(APP))) return path.join(APP, '.pgmq-data')
  const place = createHash('sha256').update(APP).digest('hex').slice(0, 8)
  return `/var/lib/pgmq-app-worker-${place}`
}

function isOpenToAll(directory: string): boolean {
  const parent = path.dirname(directory)
  const open = (statSync(directory).mode & 0o001) !== 0
  return open && (parent === directory || isOpenToAll(parent))
}
