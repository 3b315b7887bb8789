import { COUNTERS } from '../headers.js'
import type { Fence } from '../message.js'
import { deadLetterQueue } from '../queue-name.js'
import type { DeadLetterReason } from '../retry/decide.js'
import { asObject, type FenceOptions, fence, KEY, now, type QueueShape, queueTable, type Statement } from './parts.js'

/** What the client knows of a dead letter; the server adds the message itself, its id and the time. */
export interface Verdict {
  readonly reason: DeadLetterReason
  /** Storable text. */
  readonly error: string
  /** Retries made; 0 when it died on the first attempt. */
  readonly retryCount: number
}

/** Moves messages to their dead-letter queue, in one statement: at no time are they in both, or in neither. */
export function deadLetter(
  shape: QueueShape,
  leases: readonly Fence[],
  verdicts: readonly Verdict[],
  options?: FenceOptions,
): Statement<readonly string[]> {
  const bodies = verdicts.map(({ reason, error, retryCount }) =>
    JSON.stringify({ original_queue: shape.logical, error, retry_count: retryCount, reason }),
  )
  const { cte, mine, params } = fence(shape, leases, [{ name: 'b', type: 'text', values: bodies }], options)
  const letters = queueTable(deadLetterQueue(shape))
  const headers = shape.headers ? `, nullif(${asObject('headers')} - ${counters}, '{}')` : ''
  return {
    text: `${cte},
d as (delete from ${queueTable(shape)} q using f where ${mine} returning q.msg_id, q.message, ${shape.headers ? 'q.headers, ' : ''}f.b, ${KEY} key),
i as (insert into ${letters} (vt, message${shape.headers ? ', headers' : ''})
  select ${now}, b::jsonb || jsonb_build_object('original_msg_id', msg_id::text, 'message', message,
      'failed_at', to_char(${now} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))${headers}
  from d order by msg_id)
select key from d`,
    params,
    decode: (rows) => rows.map((row) => row.key as string),
  }
}

const counters = `array[${COUNTERS.map((name) => `'${name}'`).join(', ')}]`
