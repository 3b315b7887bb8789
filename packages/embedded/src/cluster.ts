import { chown, mkdir } from 'node:fs/promises'
import type { Keeping } from './keeping.js'
import type { ServerHome } from './server-home.js'
import { startFailure } from './start-failure.js'

/** Initialises a data directory and installs pgmq in its database `postgres`. No server runs and no port is used. */
export async function createCluster(
  home: ServerHome,
  keeping: Keeping,
  dir: string,
  { sync }: { readonly sync: boolean },
): Promise<void> {
  await mkdir(dir, { mode: 0o700 })
  if (home.user) await chown(dir, home.user.uid, home.user.gid)
  const flags = ['--username=postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', ...(sync ? [] : ['--no-sync'])]
  await run(home, keeping, home.program('initdb'), ['--pgdata', dir, ...flags])
  // Single-user mode reads one statement a line and, without exit_on_error, would report success after a failed one.
  const single = ['--single', '-D', dir, '-c', 'exit_on_error=on', '-c', `fsync=${sync ? 'on' : 'off'}`, 'postgres']
  await run(home, keeping, home.program('postgres'), single, 'create extension pgmq\n')
}

async function run(
  home: ServerHome,
  keeping: Keeping,
  program: string,
  args: readonly string[],
  input = '',
): Promise<void> {
  const report = await keeping.run({ program, args, input, cwd: home.dir, ...home.ids })
  if (report.saw === 'failed') throw new Error(startFailure(program, report))
  if (report.status !== '0') {
    throw new Error(`${program} ${args.join(' ')} ended with ${report.status}:\n${report.output.trim()}`)
  }
}
