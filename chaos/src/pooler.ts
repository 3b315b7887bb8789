import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import getPort from 'get-port'
import { until } from './until.js'

export interface Pooler {
  readonly port: number
  stop(): Promise<void>
}

const STARTS_MS = 10_000

/** Debian's PgBouncer, in transaction mode. @throws Error where it is not installed */
export async function startPooler(serverPort: number): Promise<Pooler> {
  if (spawnSync('pgbouncer', ['--version']).status !== 0)
    throw new Error('PgBouncer is not installed. Run: apt-get install pgbouncer')
  const port = await getPort({ host: '127.0.0.1' })
  const folder = await mkdtemp(path.join(tmpdir(), 'pgmq-chaos-pooler-'))
  await chmod(folder, 0o755)
  const config = path.join(folder, 'pgbouncer.ini')
  await writeFile(config, configOf(serverPort, port))
  // It refuses to run as root.
  const asNobody = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  const child = spawn('pgbouncer', ['-q', ...asNobody, config], { stdio: 'ignore' })
  const exited = once(child, 'exit')
  const kill = (): void => void child.kill('SIGTERM')
  process.once('exit', kill)
  const stop = async (): Promise<void> => {
    process.off('exit', kill)
    kill()
    await exited
    await rm(folder, { recursive: true, force: true })
  }
  if (await until(() => answers(port, child), STARTS_MS)) return { port, stop }
  await stop()
  throw new Error(`PgBouncer did not listen within ${STARTS_MS / 1000} s`)
}

const configOf = (serverPort: number, port: number): string => `[databases]
* = host=127.0.0.1 port=${serverPort} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 40
max_client_conn = 200
ignore_startup_parameters = extra_float_digits,options
`

async function answers(port: number, child: ChildProcess): Promise<boolean> {
  if (child.exitCode !== null) throw new Error('it has ended')
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } finally {
    socket.destroy()
  }
}
