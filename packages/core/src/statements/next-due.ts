import { at, now, type QueueShape, queueTable, type Statement } from './parts.js'

/** A queue, and the floor of its last lease; `null` looks below it as well. */
export interface IdleQueue {
  readonly shape: QueueShape
  readonly floor: string | null
}

/** Milliseconds until each queue's next message is due, by the server's clock; 0 or less: now. `null`: it is empty. */
export function nextDue(queues: readonly IdleQueue[]): Statement<readonly (number | null)[]> {
  const one = (
    { shape }: IdleQueue,
    i: number,
  ): string => `(select ceil((date_part('epoch', vt) - date_part('epoch', ${now})) * 1000)::text
  from ${queueTable(shape)} where vt >= coalesce(${at(`$${i + 1}::text::bigint`)}, '-infinity') order by vt limit 1) d${i}`
  return {
    text: `select ${queues.map(one).join(', ')}`,
    params: queues.map(({ floor }) => floor),
    decode: ([row]) => queues.map((_, i) => (row?.[`d${i}`] == null ? null : Number(row[`d${i}`]))),
  }
}
