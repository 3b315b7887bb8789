import { type PgmqError, pgmqError } from '../errors.js'
import { existingQueueName, type QueueName } from '../queue-name.js'

/** pgmq allows 47 characters and any of them; in more bytes than characters PostgreSQL cuts the names of its tables. */
const CREATABLE = /^[a-z][a-z0-9_]*$/
/** Names of indexes, sequences and partitions of another queue's. */
const RESERVED = /_(vt_idx|part_idx|fifo_idx|pkey|msg_id_seq|default)$/

/**
 * A name to create. Room for a dead-letter queue is the client's matter: here all 47 characters count.
 *
 * @throws QUEUE_NAME_INVALID
 */
export function newQueueName(name: string): QueueName {
  const queue = existingQueueName(name, undefined)
  if (!CREATABLE.test(name))
    throw invalid(
      name,
      'names are lower case letters, digits and _, and begin with a letter. Others collide once their tables are in lower case',
    )
  if (RESERVED.test(name))
    throw invalid(
      name,
      'a name may not end as those of indexes, sequences and partitions do: _vt_idx, _pkey, _msg_id_seq, _default',
    )
  return queue
}

export function nameTaken(name: string, by: string): PgmqError {
  return invalid(name, `its table would collide with "${by}". Choose another`)
}

function invalid(queue: string, reason: string): PgmqError {
  return pgmqError('QUEUE_NAME_INVALID', `queue name ${JSON.stringify(queue)} is invalid: ${reason}`, { queue })
}
