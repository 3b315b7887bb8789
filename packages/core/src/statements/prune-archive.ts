import type { QueueName } from '../queue-name.js'
import { archiveTable, now, type Statement } from './parts.js'

/**
 * Deletes the oldest of what was archived longer ago than that; gives how many. One at a time over all workers, by an advisory lock that
 * ends with the statement; so no row needs to be locked first, which would take the right to update them. By id and time,
 * since an archive in partitions has no unique id.
 */
export function pruneArchive(queue: QueueName, olderThanSeconds: number, limit: number): Statement<number> {
  const table = archiveTable(queue)
  const old = `archived_at < ${now} - $2::text::float8 * interval '1 second'`
  return {
    text: `with l as materialized (
  select pg_try_advisory_xact_lock(hashtextextended($1::text, 0)) and set_config('lock_timeout', '100', true) is not null mine),
pick as materialized (
  select msg_id from ${table} where ${old} and (select mine from l) order by archived_at limit (select $3::text::int)),
d as (delete from ${table} where msg_id = any(array(select msg_id from pick)) and ${old} returning 1)
select count(*)::text pruned from d`,
    params: [table, String(olderThanSeconds), String(limit)],
    decode: ([row]) => Number(row?.pruned),
  }
}
