import type { JsonValue } from '@pgmq/node-pg'
import pg from 'pg'
import type { Refusal } from '../refusal.js'

export interface KombuMessage {
  readonly id: string
  readonly body: JsonValue
}

export interface Picked {
  /** In the order of their ids. Locked until the transaction ends. */
  readonly messages: readonly KombuMessage[]
  /** By the database's clock. */
  readonly now: Date
}

export interface PickOptions {
  /** Only of these Celery tasks; `null`: whatever is there. */
  readonly tasks: readonly string[] | null
  /** The last id that was seen. */
  readonly after: string
  readonly limit: number
}

/** pgmq lower-cases the names of its tables. */
const tableOf = (queue: string): string => `pgmq.${pg.escapeIdentifier(`q_${queue.toLowerCase()}`)}`

/**
 * Takes visible messages by locking their rows, which a Python consumer's `pgmq.read` skips. The lock is the lease: it
 * ends with the transaction, and with the process, and leaves no trace on what stays.
 */
export async function pick(tx: pg.PoolClient, queue: string, { tasks, after, limit }: PickOptions): Promise<Picked> {
  const { rows } = await tx.query<KombuMessage & { readonly now: Date }>(
    `select msg_id::text as id, message as body, statement_timestamp() as now from ${tableOf(queue)}
     where vt <= statement_timestamp() and msg_id > $1::bigint
       and ($2::text[] is null or message->'headers'->>'task' = any($2::text[]))
     order by msg_id limit $3::int for update skip locked`,
    [after, tasks, limit],
  )
  return { messages: rows, now: rows[0]?.now ?? new Date(0) }
}

/** Moves a message to the queue's dead-letter queue, as a letter of this library's. Its body never passes through here. */
export async function deadLetter(tx: pg.PoolClient, queue: string, id: string, refusal: Refusal): Promise<void> {
  const { rowCount } = await tx.query(
    `with gone as (delete from ${tableOf(queue)} where msg_id = $2::bigint returning msg_id, message, headers)
     select pgmq.send($1::text || '_dlq', jsonb_build_object(
       'original_queue', $1::text, 'original_msg_id', msg_id::text, 'message', message,
       'error', $3::text, 'reason', $4::text, 'retry_count', 0,
       'failed_at', to_char(statement_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')), headers) from gone`,
    // An error may quote what PostgreSQL refuses in a text.
    [queue, id, refusal.message.slice(0, 4_000).replaceAll('\0', '\ufffd'), refusal.reason],
  )
  if (rowCount !== 1) throw new Error(`message ${id} of "${queue}" did not leave it. Has its table a trigger?`)
}
