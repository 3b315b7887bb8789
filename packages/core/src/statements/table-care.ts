import type { QueueName } from '../queue-name.js'
import { archiveTable, queueTable, type Statement } from './parts.js'

/**
 * Autovacuum for a table whose rows live for a moment: after 5,000 dead ones, whatever the backlog, and at full speed.
 * See docs/decisions/0007-autovacuum-of-queues.md.
 */
const QUEUE_CARE =
  'autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0'
/** For one that grows, or is pruned at its old end: in small steps. */
const ARCHIVE_CARE = 'autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02'

/** Takes a lock that no reader, sender or worker is in the way of, nor stands behind; only a vacuum, or another such change. */
export const tuneQueue = (queue: QueueName): Statement<void> => set(queueTable(queue), QUEUE_CARE)
export const tuneArchive = (queue: QueueName): Statement<void> => set(archiveTable(queue), ARCHIVE_CARE)

function set(table: string, settings: string): Statement<void> {
  return { text: `alter table ${table} set (${settings})`, params: [], decode: () => undefined }
}

/**
 * Whether tuning a queue that was just created cannot fail: its tables are the role's own, and nobody else can have a lock
 * on them, or no transaction is open that a failure would end.
 */
export function mayTune(queue: QueueName): Statement<boolean> {
  return {
    text: `select (pg_has_role(relowner, 'usage') and (age(xmin) <= 0 or pg_current_xact_id_if_assigned() is null))::text may
from pg_catalog.pg_class where oid = to_regclass($1::text)`,
    params: [queueTable(queue)],
    decode: ([row]) => row?.may === 'true',
  }
}
