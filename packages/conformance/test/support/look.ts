import type { Harness } from './harness.js'

/** Where the messages of a queue are, by plain SQL. */
export interface Places {
  readonly queue: number
  readonly archive: number
  readonly dlq: number
}

export async function places({ sql }: Harness, queue: string): Promise<Places> {
  const [row] = await sql<{ queue: string; archive: string; dlq: string }>(
    `select (select count(*) from pgmq.q_${queue}) queue, (select count(*) from pgmq.a_${queue}) archive, (select count(*) from pgmq.q_${queue}_dlq) dlq`,
  )
  return { queue: Number(row?.queue), archive: Number(row?.archive), dlq: Number(row?.dlq) }
}

export interface Row {
  readonly msg_id: string
  readonly read_ct: number
  readonly last_read_at: Date | null
  readonly vt: Date
  readonly message: Record<string, unknown>
  readonly headers: Record<string, unknown> | null
}

export async function rows({ sql }: Harness, table: string): Promise<Row[]> {
  return await sql<Row & { [column: string]: unknown }>(`select * from pgmq.${table} order by msg_id`)
}
