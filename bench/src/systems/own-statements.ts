import { createClient, type SqlParam } from '@pgmq/node-pg'
import type { Pool, PoolClient } from 'pg'
import type { Job } from './system.js'

export const QUEUE = 'bench'

/** Rows come as they are sent: their text is parsed by whoever wants it. */
const asText = { getTypeParser: () => String }

export interface Statements {
  /** Leases, and tells what it got and how to settle that. */
  step(connection: PoolClient, floor: string | null): Promise<Step>
}

export interface OwnStatements extends Statements {
  /** Inserts, and notifies `channel`. */
  readonly insert: string
  readonly channel: string
}

interface Step {
  readonly jobs: readonly Job[]
  readonly floor: string | null
  settle(): Promise<unknown>
}

/** Taken down as the client sends them, on a queue of their own, so that they are the same for certain. */
export async function ownStatements(
  pool: Pool,
  onSuccess: 'archive' | 'delete',
  batch: number,
): Promise<OwnStatements> {
  const sent: { readonly text: string; readonly params: readonly SqlParam[] }[] = []
  const connection = await pool.connect()
  const client = createClient(connection)
  const recorder = client.with({
    // As the worker sends them, each a transaction of its own.
    scope: 'pool',
    async query(text: string, params: readonly SqlParam[]) {
      if (text.startsWith('with')) sent.push({ text, params })
      return (await connection.query({ text, values: [...params], types: asText })).rows as Record<
        string,
        string | null
      >[]
    },
  })
  // Several processes may do so at once.
  const recorded = `recorded_${process.pid}`
  await connection.query('select pgmq.create($1)', [recorded])
  await recorder.enqueue(recorded, { task: 'run' })
  const messages = await recorder.dequeueMany(recorded, { limit: 1 })
  await (onSuccess === 'archive' ? recorder.archiveMany(messages) : recorder.deleteMany(messages))
  await connection.query('select pgmq.drop_queue($1)', [recorded])
  connection.release()
  const [insert, lease, settle] = sent.map(({ text }) => text.replaceAll(`_${recorded}`, `_${QUEUE}`)) as [
    string,
    string,
    string,
  ]
  const channel = String(sent[0]?.params[1]).replace(recorded, QUEUE)
  const patches = onSuccess === 'archive' ? [`{${Array(batch).fill('NULL').join()}}`] : []
  return {
    insert,
    channel,
    async step(on, floor) {
      const rows = (await on.query({ text: lease, values: [floor, String(batch), '30'], types: asText }))
        .rows as Leased[]
      const jobs = rows.map(({ body }) => JSON.parse(body) as Job)
      rows.sort((a, b) => Number(a.id) - Number(b.id))
      const list = (of: keyof Leased): string => `{${rows.map((row) => row[of]).join()}}`
      const fence = [list('id'), list('rc'), list('us')]
      const values = [
        ...fence,
        ...(rows.length === batch ? patches : patches.map(() => `{${rows.map(() => 'NULL').join()}}`)),
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
