import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createServer } from 'node:net'
import ownProcess from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { type EmbeddedPostgres, startPostgres } from '@pgmq/embedded'
import { Pool } from 'pg'
import { type SystemName, systems } from './systems/index.js'

export interface Counters {
  /** Of the whole server. */
  readonly walBytes: number
  readonly transactions: number
}

/** Durable, as in production; without checkpoints in the middle of a measure. */
export const SERVER_SETTINGS = { shared_buffers: '512MB', max_wal_size: '16GB', checkpoint_timeout: '1h' } as const

/** The servers that are measured against: one for all, an empty database for each measure. */
export class Stand implements AsyncDisposable {
  readonly #postgres: EmbeddedPostgres
  readonly #redis: Redis | null
  readonly #admin: Pool
  #databases = 0

  private constructor(postgres: EmbeddedPostgres, redis: Redis | null) {
    this.#postgres = postgres
    this.#redis = redis
    this.#admin = new Pool({ connectionString: postgres.url, max: 2 })
  }

  static async open(): Promise<Stand> {
    const postgres = await startPostgres({ settings: SERVER_SETTINGS })
    return new Stand(postgres, await Redis.start())
  }

  get hasRedis(): boolean {
    return this.#redis !== null
  }

  /** Where a system finds an empty store, that is removed when `work` has ended. */
  async store<T>(system: SystemName, work: (url: string) => Promise<T>): Promise<T> {
    if (systems[system].store === 'redis') {
      const redis = this.#redis
      if (!redis) throw new Error('Redis is not installed')
      redis.empty()
      return await work(redis.url)
    }
    const name = `bench_${++this.#databases}`
    await this.#admin.query(`create database ${name}`)
    const url = new URL(this.#postgres.url)
    url.pathname = `/${name}`
    const pool = new Pool({ connectionString: url.href, max: 1 })
    await pool.query('create extension if not exists pgmq')
    await pool.end()
    try {
      return await work(url.href)
    } finally {
      await this.#admin.query(`drop database ${name} with (force)`)
    }
  }

  /** What a database has done so far, once nobody works in it. */
  async counters(url: string): Promise<Counters> {
    const database = new URL(url).pathname.slice(1)
    // A connection's own statistics are complete once it has ended.
    const open = `select from pg_stat_activity where datname = $1 and state is distinct from 'idle in transaction' and backend_type = 'client backend'`
    while ((await this.#admin.query(open, [database])).rowCount) await sleep(5)
    const { rows } = await this.#admin.query<{ wal: string; commits: string }>(
      `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') wal, xact_commit commits from pg_stat_database where datname = $1`,
      [database],
    )
    return { walBytes: Number(rows[0]?.wal), transactions: Number(rows[0]?.commits) }
  }

  async versions(): Promise<Readonly<Record<string, string>>> {
    const { rows } = await this.#admin.query<{ v: string }>(`select current_setting('server_version') v`)
    return { PostgreSQL: String(rows[0]?.v), ...(this.#redis && { Redis: this.#redis.version }) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#admin.end()
    await this.#postgres.stop({ mode: 'immediate' })
    this.#redis?.stop()
  }
}

/** Debian's Redis, where it is installed: in memory alone, which is its fastest. */
class Redis {
  readonly url: string
  readonly version: string
  readonly #process: ChildProcess
  readonly #port: number

  private constructor(process: ChildProcess, port: number, version: string) {
    this.#process = process
    this.#port = port
    this.version = version
    this.url = `redis://127.0.0.1:${port}/0`
  }

  static async start(): Promise<Redis | null> {
    const { stdout, status } = spawnSync('redis-server', ['--version'], { encoding: 'utf8' })
    if (status !== 0) return null
    const port = await freePort()
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
    const process = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'ignore'] })
    // A measure that fails must not leave it behind.
    ownProcess.once('exit', () => process.kill())
    await new Promise<void>((resolve, reject) => {
      process.stdout?.on('data', (chunk: Buffer) => chunk.includes('Ready to accept connections') && resolve())
      process.once('exit', (code) => reject(new Error(`redis-server ended with ${code}`)))
    })
    return new Redis(process, port, /v=(\S+)/.exec(stdout)?.[1] ?? '?')
  }

  empty(): void {
    spawnSync('redis-cli', ['-p', String(this.#port), 'flushall'])
  }

  stop(): void {
    this.#process.kill()
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port')),
      )
    })
  })
}
