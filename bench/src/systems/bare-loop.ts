import { createClient, type SqlParam } from '@pgmq/node-pg'
import { type ClientBase, Pool, type PoolClient } from 'pg'
import { Books } from './books.js'
import type { Consumer, Job, OnJob, System } from './system.js'

const QUEUE = 'bench'
const BATCH = 500
const READERS = 2

/** Rows come as they are sent: their text is parsed by whoever wants it. */
const asText = { getTypeParser: () => String }

interface Statements {
  /** Leases, and tells what it got and how to settle that. */
  step(connection: PoolClient, floor: string | null): Promise<Step>
}

interface Step {
  readonly jobs: readonly Job[]
  readonly floor: string | null
  settle(): Promise<unknown>
}

/** Statements without a worker around them: what a worker costs is the difference to this. */
export class BareLoop implements System {
  readonly #pool: Pool
  readonly #books: Books
  readonly #onSuccess: 'archive' | 'delete'
  readonly #statements: 'ours' | 'upstream'

  constructor(url: string, statements: 'ours' | 'upstream', onSuccess: 'archive' | 'delete') {
    this.#pool = new Pool({ connectionString: url, max: 16 })
    this.#books = new Books(url)
    this.#onSuccess = onSuccess
    this.#statements = statements
  }

  async prepare(): Promise<void> {
    if (this.#statements === 'ours') await createClient(this.#pool).queues.create(QUEUE)
    else await this.#pool.query('select pgmq.create($1)', [QUEUE])
  }

  enqueue(job: Job): Promise<unknown> {
    return this.#pool.query({
      name: 'send',
      text: 'select pgmq.send($1, $2::jsonb)',
      values: [QUEUE, JSON.stringify(job)],
    })
  }

  enqueueIn(transaction: ClientBase, job: Job): Promise<unknown> {
    return transaction.query('select pgmq.send($1, $2::jsonb)', [QUEUE, JSON.stringify(job)])
  }

  enqueueMany(jobs: readonly Job[]): Promise<unknown> {
    return this.#pool.query({
      name: 'send_batch',
      text: 'select pgmq.send_batch($1, $2::jsonb[])',
      // The same bytes as ours, whose jobs name their task.
      values: [QUEUE, jobs.map((job) => JSON.stringify({ ...job, task: 'run' }))],
    })
  }

  look(): Promise<unknown> {
    return this.#pool.query('select from pgmq.read($1, 30, 1)', [QUEUE])
  }

  async consume(_handlers: number, onJob: OnJob): Promise<Consumer> {
    const statements =
      this.#statements === 'ours' ? await ownStatements(this.#pool, this.#onSuccess) : upstreamStatements
    let stopped = false
    const reader = async (): Promise<void> => {
      const connection = await this.#pool.connect()
      let floor: string | null = null
      while (!stopped) {
        const step = await statements.step(connection, floor)
        if (step.jobs.length === 0) {
          floor = null
          await new Promise((resolve) => setTimeout(resolve, 5))
          continue
        }
        floor = step.floor
        for (const job of step.jobs) void onJob(job)
        await step.settle()
      }
      connection.release()
    }
    const readers = Array.from({ length: READERS }, reader)
    return {
      stop: async () => {
        stopped = true
        await Promise.all(readers)
      },
    }
  }

  left(): Promise<number> {
    return this.#books.count(`pgmq.q_${QUEUE}`)
  }

  async kept(): Promise<number | null> {
    return this.#onSuccess === 'archive' ? await this.#books.count(`pgmq.a_${QUEUE}`) : null
  }

  async close(): Promise<void> {
    await this.#pool.end()
    await this.#books.close()
  }
}

/** Taken down as the client sends them, on a queue of their own, so that they are the same for certain. */
async function ownStatements(pool: Pool, onSuccess: 'archive' | 'delete'): Promise<Statements> {
  const texts: string[] = []
  const connection = await pool.connect()
  const client = createClient(connection)
  const recorder = client.with({
    // As the worker sends them, each a transaction of its own.
    scope: 'pool',
    async query(text: string, params: readonly SqlParam[]) {
      if (text.startsWith('with')) texts.push(text)
      return (await connection.query({ text, values: [...params], types: asText })).rows as Record<
        string,
        string | null
      >[]
    },
  })
  await connection.query('select pgmq.create($1)', ['recorded'])
  await client.enqueue('recorded', { task: 'run' })
  const messages = await recorder.dequeueMany('recorded', { limit: 1 })
  await (onSuccess === 'archive' ? recorder.archiveMany(messages) : recorder.deleteMany(messages))
  await connection.query('select pgmq.drop_queue($1)', ['recorded'])
  connection.release()
  const [lease, settle] = texts.map((text) => text.replaceAll('_recorded', `_${QUEUE}`)) as [string, string]
  const patches = onSuccess === 'archive' ? [`{${Array(BATCH).fill('NULL').join()}}`] : []
  return {
    async step(on, floor) {
      const rows = (await on.query({ text: lease, values: [floor, String(BATCH), '30'], types: asText }))
        .rows as Leased[]
      const jobs = rows.map(({ body }) => JSON.parse(body) as Job)
      rows.sort((a, b) => Number(a.id) - Number(b.id))
      const list = (of: keyof Leased): string => `{${rows.map((row) => row[of]).join()}}`
      const fence = [list('id'), list('rc'), list('us')]
      const values = [
        ...fence,
        ...(rows.length === BATCH ? patches : patches.map(() => `{${rows.map(() => 'NULL').join()}}`)),
      ]
      const due = rows.reduce((highest, row) => Math.max(highest, Number(row.due)), 0)
      return { jobs, floor: String(due), settle: () => on.query({ text: settle, values, types: asText }) }
    },
  }
}

interface Leased {
  readonly id: string
  readonly rc: string
  readonly us: string
  readonly body: string
  readonly due: string
}

const upstreamStatements: Statements = {
  async step(on) {
    const { rows } = await on.query<{ msg_id: string; message: Job }>({
      name: 'read',
      text: 'select msg_id, message from pgmq.read($1, 30, $2)',
      values: [QUEUE, BATCH],
    })
    const ids = rows.map(({ msg_id }) => msg_id)
    return {
      jobs: rows.map(({ message }) => message),
      floor: null,
      settle: () => on.query({ name: 'archive', text: 'select pgmq.archive($1, $2::bigint[])', values: [QUEUE, ids] }),
    }
  },
}
