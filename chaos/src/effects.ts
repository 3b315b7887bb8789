import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

interface Effect {
  readonly id: string
  /** Names the delivery. */
  readonly receipt: string
  readonly readCount: number
}

interface Waiting extends Effect {
  readonly written: () => void
  readonly signal: AbortSignal
}

const INSERT = `insert into chaos.effects (msg_id, receipt, read_ct, worker)
  select i, l, r, $4 from unnest($1::bigint[], $2::text[], $3::int[]) u(i, l, r) on conflict do nothing`
const AGAIN_MS = 100
/** A dead peer says nothing: this program's own statements need a limit as well. */
const STATEMENT_MS = 3_000

/**
 * What handlers do to the world: a row for each delivery, committed before the handler returns. Those of the same moment
 * share a statement. A server that is away is no failure of a job: it is asked again until the job's signal aborts.
 */
export class Effects {
  readonly #worker: string
  readonly #pool: pg.Pool
  #waiting: Waiting[] = []
  #writing: Promise<void> | null = null

  constructor(url: string, worker: string) {
    this.#worker = worker
    const limits = { connectionTimeoutMillis: STATEMENT_MS, query_timeout: STATEMENT_MS }
    this.#pool = new pg.Pool({ connectionString: url, max: 4, ...limits })
    this.#pool.on('error', () => undefined)
  }

  async write(effect: Effect, signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error)
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
      this.#waiting.push({ ...effect, signal, written: resolve })
      this.#writing ??= this.#write().finally(() => {
        this.#writing = null
      })
    })
  }

  /** In a transaction of its own connection, which `inside` may complete its job with. */
  async writeInTransaction(effect: Effect, inside: (connection: pg.PoolClient) => Promise<void>): Promise<void> {
    const connection = await this.#pool.connect()
    let broken = true
    try {
      await connection.query('begin')
      await connection.query(INSERT, this.#valuesOf([effect]))
      await inside(connection)
      await connection.query('commit')
      broken = false
    } finally {
      // One that failed half-way is of no further use.
      connection.release(broken)
    }
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }

  #valuesOf(effects: readonly Effect[]): unknown[] {
    return [
      effects.map(({ id }) => id),
      effects.map(({ receipt }) => receipt),
      effects.map(({ readCount }) => readCount),
      this.#worker,
    ]
  }

  async #write(): Promise<void> {
    await new Promise(setImmediate)
    while (this.#waiting.length > 0) {
      const now = this.#waiting.filter(({ signal }) => !signal.aborted)
      this.#waiting = []
      if (now.length === 0) return
      try {
        await this.#pool.query(INSERT, this.#valuesOf(now))
        for (const { written } of now) written()
      } catch {
        this.#waiting.push(...now)
        await sleep(AGAIN_MS)
      }
    }
  }
}
