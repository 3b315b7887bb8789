import type pg from 'pg'
import { createClient } from '../../../core/src/client/create-client.js'
import type { PgmqClient } from '../../../core/src/client/pgmq-client.js'
import type { SqlRow } from '../../../core/src/driver.js'
import type { Figures } from '../support/figures.js'
import { settled } from './clock.js'
import { executorOf } from './connections.js'
import type { Fate, Sent } from './gate.js'
import { judge } from './judge.js'
import { type Job, type Ledger, SIDES, type Side } from './ledger.js'
import { keyOf, type Row, type Snapshot, take } from './snapshot.js'
import { QUEUE, type Run, WorkerProcess } from './worker-process.js'

export interface Connections {
  /** What is no transaction of its own goes here, whoever asks: one statement at a time. */
  readonly main: pg.Client
  readonly producer: pg.Client
  /** Of the handlers. */
  readonly effects: Readonly<Record<Side, pg.Client>>
}

const UNDEFINED_COLUMN = '42703'

/** The deploy is half-way: only A knows the newer task. */
const TASKS: Readonly<Record<Side, readonly string[]>> = { A: ['job', 'newer'], B: ['job'] }

/** The real thing: a database, two workers' processes, a producer and an operator. */
export class World {
  readonly ledger: Ledger
  readonly client: PgmqClient
  readonly processes: Record<Side, WorkerProcess>
  readonly figures: Figures
  readonly #connections: Connections
  readonly #onSuccess: 'archive' | 'delete'
  readonly #stamped: boolean
  #produced: Job[] = []
  /** Leased rows as they were, while no later commit has brought the leases to the disk. */
  #leased: Row[] = []

  constructor(
    ledger: Ledger,
    connections: Connections,
    onSuccess: 'archive' | 'delete',
    stamped: boolean,
    figures: Figures,
  ) {
    this.ledger = ledger
    this.figures = figures
    this.#connections = connections
    this.#onSuccess = onSuccess
    this.#stamped = stamped
    this.client = createClient({ executor: executorOf(connections.main, 'pool') }, { notify: false })
    this.processes = { A: this.#begin('A'), B: this.#begin('B') }
  }

  // ── The worker's statements ────────────────────────────────────────────────────────────────────

  async pass(side: Side, index: number, fate: Fate): Promise<void> {
    const process = this.processes[side]
    await process.gate.pass(index, fate, (sent) => this.#run(process, sent, fate))
    await settled()
  }

  async #run(process: WorkerProcess, sent: Sent, fate: Fate): Promise<readonly SqlRow[] | pg.DatabaseError> {
    const before = this.ledger.now ?? (await this.look())
    const answer = await this.#send(sent)
    const after = await this.look()
    judge(this.ledger, process, sent, before, after)
    this.#noteDurability(sent, before, after)
    // Nobody knows of a lease whose reply was lost.
    if (fate === 'unheard' && sent.text.startsWith('with pick')) this.#forgetHolders(before, after)
    this.ledger.check(after)
    this.figures.count(`statement ${fate}`)
    return answer
  }

  async #send({ text, params }: Sent): Promise<readonly SqlRow[] | pg.DatabaseError> {
    try {
      return (await this.#connections.main.query<SqlRow>(text, [...params])).rows
    } catch (error) {
      // By that a process learns what the tables look like. Any other refusal is a defect.
      if ((error as pg.DatabaseError).code !== UNDEFINED_COLUMN) throw error
      return error as pg.DatabaseError
    }
  }

  #noteDurability(sent: Sent, before: Snapshot, after: Snapshot): void {
    const changed = before.queued.filter((row) => {
      const now = after.inQueue(row.n)
      return !now || keyOf(now) !== keyOf(row)
    })
    if (sent.text.includes("'synchronous_commit', 'off'")) this.#leased.push(...changed)
    else if (/\b(update|delete|insert)\b/.test(sent.text)) this.#leased = []
    this.ledger.leaseMayBeLost = this.#leased.length > 0
  }

  #forgetHolders(before: Snapshot, after: Snapshot): void {
    for (const row of before.queued)
      if (after.inQueue(row.n)?.readCount !== row.readCount) this.ledger.job(row.n).holder = null
  }

  // ── The producer ───────────────────────────────────────────────────────────────────────────────

  async enqueue(task: string, count: number): Promise<void> {
    const jobs = Array.from({ length: count }, () => this.ledger.add('committed'))
    await this.client.enqueueMany(
      QUEUE,
      jobs.map(({ n }) => ({ task, n })),
    )
    await this.durable()
  }

  async beginEnqueue(task: string): Promise<void> {
    const { producer } = this.#connections
    this.ledger.producing = true
    await producer.query('begin')
    const job = this.ledger.add('open')
    this.#produced = [job]
    await this.client.with(executorOf(producer, 'connection')).enqueue(QUEUE, { task, n: job.n })
    await this.check()
  }

  async endEnqueue(commits: boolean): Promise<void> {
    this.ledger.producing = false
    await this.#connections.producer.query(commits ? 'commit' : 'rollback')
    for (const job of this.#produced.splice(0)) job.state = commits ? 'committed' : 'none'
    await this.durable()
  }

  // ── Handlers' transactions ─────────────────────────────────────────────────────────────────────

  async complete(side: Side, run: Run): Promise<void> {
    const connection = this.#connections.effects[side]
    const row = (await this.look()).inQueue(run.job.n)
    await connection.query('begin')
    const completed = await this.processes[side].complete(run, executorOf(connection, 'connection'))
    if (completed && (!row || keyOf(row) !== run.key))
      throw new Error(`job ${run.job.n} was completed under a receipt that is not the one of its lease`)
    run.transaction = 'open'
    this.processes[side].transaction = { run, completed }
    await this.check()
  }

  /** Its row is locked by a handler's transaction. */
  isLocked(n: number): boolean {
    return SIDES.some((side) => this.processes[side].transaction?.run.job.n === n)
  }

  async endTransaction(side: Side, commits: boolean): Promise<void> {
    const process = this.processes[side]
    const { run, completed } = process.transaction ?? {}
    if (!run) return
    await this.#connections.effects[side].query(commits ? 'commit' : 'rollback')
    process.transaction = null
    const done = commits && completed === true
    run.transaction = done ? 'committed' : 'rolledBack'
    if (done) run.job.successes++
    // Its handler has returned already, and what it did is not there.
    else if (!process.running.includes(run)) run.job.failures++
    await this.durable()
  }

  // ── What befalls ───────────────────────────────────────────────────────────────────────────────

  /** `arrives`: what it had sent reaches the server all the same. */
  async crash(side: Side, arrives: boolean): Promise<void> {
    const process = this.processes[side]
    await this.endTransaction(side, false)
    for (const sent of process.gate.abandon()) if (arrives) await this.#run(process, sent, 'unheard')
    for (const job of this.ledger.heldBy(process)) this.ledger.lost(job)
    process.end()
    this.processes[side] = this.#begin(side)
    await this.check()
  }

  /** A worker that stops in order has 5 s left for what is unsettled. */
  async leave(side: Side): Promise<void> {
    const process = this.processes[side]
    process.leaveBehind()
    await this.flow(side)
    await this.crash(side, false)
  }

  /** The server crashes: every reply is lost, open transactions are gone, and so are leases that were not on its disk. */
  async crashServer(): Promise<void> {
    const lost = this.#leased
    for (const side of SIDES) await this.endTransaction(side, false)
    if (this.ledger.producing) await this.endEnqueue(false)
    await this.#connections.main.query('begin')
    for (const row of [...lost].reverse()) await this.#undo(row)
    await this.#connections.main.query('commit')
    for (const side of SIDES) while (this.processes[side].waiting > 0) await this.pass(side, 0, 'undone')
    await this.durable()
  }

  async #undo({ n, id, readCount, stamp, dueUs }: Row): Promise<void> {
    this.ledger.job(n).holder = null
    const stamped = this.#stamped ? `, last_read_at = timestamptz 'epoch' + $4::bigint * interval '1 microsecond'` : ''
    await this.#connections.main.query(
      `update pgmq.q_${QUEUE} set read_ct = $2::int, vt = timestamptz 'epoch' + $3::bigint * interval '1 microsecond'${stamped} where msg_id = $1::bigint`,
      this.#stamped ? [id, readCount, dueUs, stamp] : [id, readCount, dueUs],
    )
  }

  /** Their time comes, or the leases on them run out. */
  async makeDue(numbers: readonly number[]): Promise<void> {
    const free = numbers.filter((n) => !this.isLocked(n))
    await this.#connections.main.query(
      `update pgmq.q_${QUEUE} set vt = now() - interval '1 second' where (message->>'n')::int = any($1)`,
      [free],
    )
    await this.durable()
  }

  /** Another consumer reads, and never finishes. */
  async foreignRead(): Promise<void> {
    const before = await this.look()
    await this.#connections.main.query('select from pgmq.read($1, 1000, 1)', [QUEUE])
    const after = await this.look()
    for (const { n, readCount } of before.queued)
      if (after.inQueue(n)?.readCount !== readCount) this.ledger.lost(this.ledger.job(n))
    await this.durable()
  }

  // ── Progress ───────────────────────────────────────────────────────────────────────────────────

  /** Everything that a process has to say is said, and answered. */
  async flow(side: Side): Promise<void> {
    const process = this.processes[side]
    for (let turn = 0; turn < 20; turn++) {
      process.flush()
      await settled()
      if (process.waiting === 0) return
      while (process.waiting > 0) await this.pass(side, 0, 'answered')
    }
  }

  look(): Promise<Snapshot> {
    return take(this.#connections.main, QUEUE, this.#stamped)
  }

  async check(): Promise<void> {
    this.ledger.check(await this.look())
  }

  /** After a commit that waits for the disk: what was before it is there, too. */
  async durable(): Promise<void> {
    this.#leased = []
    this.ledger.leaseMayBeLost = false
    await settled()
    await this.check()
  }

  /** Nothing is left of the walk, whatever it ended with. */
  async end(): Promise<void> {
    for (const { place, reason } of this.ledger.now?.rows ?? []) this.figures.count(reason ?? place)
    const { main, producer, effects } = this.#connections
    for (const connection of [producer, effects.A, effects.B]) await connection.query('rollback')
    await main.query(`delete from pgmq.q_${QUEUE}; delete from pgmq.a_${QUEUE}; delete from pgmq.q_${QUEUE}_dlq`)
    for (const side of SIDES) this.processes[side].end()
  }

  #begin(side: Side): WorkerProcess {
    const process = new WorkerProcess(this.ledger, TASKS[side], this.#onSuccess)
    this.ledger.processes[side] = process
    return process
  }
}
