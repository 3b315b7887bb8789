import { pgmqError } from './errors.js'
import { shownPlainly } from './shown.js'

const DLQ_SUFFIX = '_dlq'
/** pgmq allows 47 characters; a queue keeps room for its dead-letter queue. */
const MAX_LENGTH = 47 - DLQ_SUFFIX.length
// Tables of these names would collide with an index or a sequence of another queue's.
const RESERVED_SUFFIX = /_(vt_idx|pkey|msg_id_seq|default)$/
const CREATABLE = /^[a-z][a-z0-9_]*$/

/** A queue by both its names: the one users speak of, and the one pgmq knows. */
export interface QueueName {
  /** Without the client's prefix. */
  readonly logical: string
  readonly physical: string
}

export function isDeadLetterQueue(name: string): boolean {
  return name.endsWith(DLQ_SUFFIX)
}

/** The name of the dead-letter queue of `name`. */
export function deadLetterName(name: string): string {
  return name + DLQ_SUFFIX
}

export function deadLetterQueue({ logical, physical }: QueueName): QueueName {
  return { logical: deadLetterName(logical), physical: deadLetterName(physical) }
}

/**
 * The names of a queue that may be created and written to.
 *
 * @throws QUEUE_NAME_INVALID
 */
export function queueName(logical: string, prefix: string | undefined): QueueName {
  const name = existingQueueName(logical, prefix)
  const { physical } = name
  const limit = isDeadLetterQueue(physical) ? MAX_LENGTH + DLQ_SUFFIX.length : MAX_LENGTH
  if (!CREATABLE.test(physical))
    throw invalid(logical, 'names are lower case letters, digits and _, and begin with a letter', suggest(logical))
  if (physical.length > limit)
    throw invalid(logical, `"${physical}" has ${physical.length} characters, ${limit} are allowed`, '')
  if (RESERVED_SUFFIX.test(physical))
    throw invalid(logical, 'names may not end in _vt_idx, _pkey, _msg_id_seq or _default', '')
  return name
}

/**
 * The names of a queue that others may have made, by rules of their own.
 *
 * @throws QUEUE_NAME_INVALID for what pgmq itself would not take
 */
export function existingQueueName(logical: string, prefix: string | undefined): QueueName {
  if (typeof logical !== 'string' || logical === '' || logical.includes('\u0000')) {
    throw invalid(shownPlainly(logical), 'a name is a text that is not empty', '')
  }
  const physical = prefix ? `${prefix}_${logical}` : logical
  if (physical.length > 47)
    throw invalid(logical, `"${physical}" has ${physical.length} characters, pgmq allows 47`, '')
  return { logical, physical }
}

/**
 * A queue that others made may be worked only when what fails in it has a place to go.
 *
 * @throws QUEUE_NAME_INVALID
 */
export function assertRoomForLetters({ logical, physical }: QueueName): void {
  if (isDeadLetterQueue(physical) || physical.length <= MAX_LENGTH) return
  const reason = `"${deadLetterName(physical)}", its dead-letter queue, would have ${physical.length + DLQ_SUFFIX.length} characters, pgmq allows 47`
  throw invalid(
    logical,
    reason,
    '. Lease and archive its messages yourself, or move them to a queue with a shorter name',
  )
}

function suggest(name: string): string {
  const better = name
    .toLowerCase()
    .replace(/[^a-z0-9_]+/g, '_')
    .replace(/^[^a-z]+|_+$/g, '')
    .slice(0, MAX_LENGTH)
  return better ? `. Use "${better}"` : ''
}

function invalid(queue: string, reason: string, remedy: string): Error {
  return pgmqError('QUEUE_NAME_INVALID', `queue name ${JSON.stringify(queue)} is invalid: ${reason}${remedy}`, {
    queue,
  })
}
