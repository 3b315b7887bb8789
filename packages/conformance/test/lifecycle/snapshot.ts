import type { JsonObject } from '@pgmq/core'
import type pg from 'pg'
import { us } from '../../../core/src/statements/parts.js'

export type Place = 'queue' | 'archive' | 'letters'

/** A message where it lies. Times are the server's, in microseconds. */
export interface Row {
  readonly place: Place
  readonly id: string
  /** The job's number: ids change when it is redriven. */
  readonly n: number
  readonly readCount: number
  /** What its receipt compares beside the read count; `null` while nobody has a lease. */
  readonly stamp: string | null
  readonly dueUs: number
  readonly headers: JsonObject
  readonly reason: string | null
  readonly nowUs: number
}

/** The key of the lease that is written in a row, as `leaseKey` makes it. */
export const keyOf = ({ id, readCount, stamp }: Row): string => `${id}/${readCount}/${stamp}`

export const counterOf = ({ headers }: Row, name: string): number => Number(headers[name] ?? 0)

/** All that there is of a queue, at one moment. */
export class Snapshot {
  readonly rows: readonly Row[]
  readonly #byNumber = new Map<number, Row[]>()

  constructor(rows: readonly Row[]) {
    this.rows = rows
    for (const row of rows) this.#byNumber.set(row.n, [...(this.#byNumber.get(row.n) ?? []), row])
  }

  of(n: number): readonly Row[] {
    return this.#byNumber.get(n) ?? []
  }

  inQueue(n: number): Row | undefined {
    return this.of(n).find(({ place }) => place === 'queue')
  }

  get queued(): readonly Row[] {
    return this.rows.filter(({ place }) => place === 'queue')
  }
}

/** `stamped`: the table has `last_read_at`. */
export async function take(connection: pg.Client, queue: string, stamped: boolean): Promise<Snapshot> {
  const from = (place: Place, table: string, body: string, reason: string): string =>
    `select '${place}' place, msg_id::text id, ${body}->>'n' n, read_ct, ${us(stamped ? 'last_read_at' : 'enqueued_at')} stamp,
  ${us('vt')} due, headers, ${reason} reason, ${us('clock_timestamp()')} now from pgmq.${table}`
  const { rows } = await connection.query<Record<string, string> & { headers: JsonObject | null; read_ct: number }>(
    [
      from('queue', `q_${queue}`, 'message', 'null'),
      from('archive', `a_${queue}`, 'message', 'null'),
      from('letters', `q_${queue}_dlq`, `(message->'message')`, `message->>'reason'`),
    ].join(' union all '),
  )
  return new Snapshot(
    rows.map(
      (row): Row => ({
        place: row.place as Place,
        id: row.id as string,
        n: Number(row.n),
        readCount: row.read_ct,
        stamp: row.stamp ?? null,
        dueUs: Number(row.due),
        headers: row.headers ?? {},
        reason: row.reason ?? null,
        nowUs: Number(row.now),
      }),
    ),
  )
}
