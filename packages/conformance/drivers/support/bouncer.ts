import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it } from 'vitest'
import { describeDriver, type Opened } from '../../src/index.js'
import { until } from '../../src/support.js'

/** Why there is no PgBouncer here, or `undefined` where there is one. */
const withoutBouncer: string | undefined =
  spawnSync('pgbouncer', ['--version']).status === 0 ? undefined : 'PgBouncer is not installed'

/** What a pooler in transaction mode takes away from every driver. */
const MISSING_BEHIND_BOUNCER = {
  notifier: 'a pooler in transaction mode delivers no notifications',
  session: 'a pooler in transaction mode gives each transaction another session',
} as const

interface Bouncer {
  readonly url: string
  stop(): Promise<void>
}

/** PgBouncer in transaction mode in front of the server that `url` leads to. */
async function startBouncer(url: string): Promise<Bouncer> {
  const { hostname, port, username, password, pathname } = new URL(url)
  const folder = mkdtempSync(path.join(tmpdir(), 'pgmq-bouncer-'))
  const listenPort = await freePort()
  const config = path.join(folder, 'pgbouncer.ini')
  writeFileSync(
    config,
    `[databases]
* = host=${hostname} port=${port || 5432} user=${username} ${password ? `password=${password}` : ''}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${listenPort}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 30
max_client_conn = 200
ignore_startup_parameters = extra_float_digits,options
`,
  )
  chmodSync(folder, 0o755)
  // It refuses to run as root.
  const asNobody = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  const child = spawn('pgbouncer', ['-q', ...asNobody, config], { stdio: 'ignore' })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  await until('PgBouncer listens', () => answers(listenPort))
  return {
    url: `postgres://${username}@127.0.0.1:${listenPort}${pathname}`,
    async stop() {
      child.kill('SIGTERM')
      await exited
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A driver of connections that lead through PgBouncer. */
export function describeBehindBouncer<Connection>(library: string, open: (url: string) => Opened<Connection>): void {
  const name = `${library} through PgBouncer in transaction mode`
  if (withoutBouncer) {
    describe(name, () =>
      it.skip(`is not tested: ${withoutBouncer}`, { meta: { skipped: withoutBouncer } }, () => undefined),
    )
    return
  }
  describeDriver({
    name,
    async setup(url) {
      const bouncer = await startBouncer(url)
      const opened = open(bouncer.url)
      return {
        ...opened,
        async close() {
          await opened.close()
          await bouncer.stop()
        },
      }
    },
    missing: MISSING_BEHIND_BOUNCER,
  })
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}

async function answers(port: number): Promise<boolean> {
  const { connect } = await import('node:net')
  return await new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
