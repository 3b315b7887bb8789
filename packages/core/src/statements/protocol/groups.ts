import { compareIds } from '../../message.js'
import type { QueueName } from '../../queue-name.js'
import { archiveTable, ENDLESS, LONG, type QueueShape, queueTable, type Statement, shownUs } from '../parts.js'
import { decodeRecord, type MessageRecord, shownTime } from './messages.js'

/** Upstream's header for a message's group; those without share one. */
const GROUP_HEADER = 'x-pgmq-group'
const NO_GROUP = '_default_fifo_group'

export type GroupedRead = 'read_grouped' | 'read_grouped_rr' | 'read_grouped_head'

/** Upstream's function; `last_read_at` is asked for by name in the row as JSON, since it came later than the function. */
export function readGrouped(
  shape: QueueShape,
  name: GroupedRead,
  seconds: number,
  limit: number,
): Statement<readonly MessageRecord[]> {
  return {
    text: `select m.msg_id::text id, m.read_ct::text rc, ${shownUs('m.enqueued_at')} enqueued, ${shownUs('m.vt')} due,
  m.message::text body, m.headers::text headers, ${shownTime(`(to_jsonb(m) ->> 'last_read_at')::timestamptz`)} last_read
from pgmq.${name}($1::text, $2::text::int, $3::text::int) m`,
    params: [shape.physical, String(seconds), String(limit)],
    patience: LONG,
    decode: (rows) => {
      const records = rows.map((row) => decodeRecord(shape.logical, row))
      return name === 'read_grouped_rr' ? records : inOrder(records, name === 'read_grouped')
    },
  }
}

/** By id; `grouped`: group by group, the one with the oldest message first. Only round robin is sorted upstream. */
function inOrder(records: MessageRecord[], grouped: boolean): readonly MessageRecord[] {
  records.sort((a, b) => compareIds(a.id, b.id))
  if (!grouped) return records
  const groups = new Map<string, MessageRecord[]>()
  for (const record of records) {
    const key = groupOf(record)
    const group = groups.get(key)
    if (group) group.push(record)
    else groups.set(key, [record])
  }
  return [...groups.values()].flat()
}

function groupOf({ headers }: MessageRecord): string {
  const group = headers[GROUP_HEADER]
  return group == null ? NO_GROUP : typeof group === 'string' ? group : JSON.stringify(group)
}

/** PostgreSQL's own writing of the expression that all grouped reads search by. */
const EXPRESSION = `COALESCE((headers ->> '${GROUP_HEADER}'::text), '${NO_GROUP}'::text)`

export interface GroupIndex {
  /** Its name when it is there and of use. */
  readonly valid: string | null
  /** One that a creation which failed left behind. */
  readonly broken: string | null
  readonly partitioned: boolean
}

/** Told by its definition: a name could be another table's. */
export function findGroupIndex(shape: QueueShape): Statement<GroupIndex> {
  const name = (valid: boolean): string => `min(i.indexrelid::regclass::text) filter (where i.indisvalid = ${valid})`
  return {
    text: `select ${name(true)} valid, ${name(false)} broken,
  (select relkind = 'p' from pg_catalog.pg_class where oid = to_regclass($1::text))::text partitioned
from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid join pg_catalog.pg_am a on a.oid = c.relam
where i.indrelid = to_regclass($1::text) and a.amname = 'btree' and i.indnkeyatts = 2 and i.indpred is null
  and pg_get_expr(i.indexprs, i.indrelid) = $2::text and pg_get_indexdef(i.indexrelid, 2, true) = 'msg_id'`,
    params: [queueTable(shape), EXPRESSION],
    looks: true,
    decode: ([row]) => ({
      valid: row?.valid ?? null,
      broken: row?.broken ?? null,
      partitioned: row?.partitioned === 'true',
    }),
  }
}

/** PostgreSQL chooses the name. `concurrently` stops no sender, and cannot run inside a transaction. */
export function createGroupIndex(shape: QueueShape, concurrently: boolean): Statement<void> {
  return {
    text: `create index ${concurrently ? 'concurrently ' : ''}on ${queueTable(shape)} ((coalesce(headers->>'${GROUP_HEADER}', '${NO_GROUP}')), msg_id)`,
    params: [],
    patience: ENDLESS,
    decode: () => undefined,
  }
}

/** `index` is as the catalog writes it, quoted where it must be. */
export function dropIndex(index: string): Statement<void> {
  const text = `drop index concurrently if exists ${index}`
  return { text, params: [], patience: ENDLESS, decode: () => undefined }
}

/** What mends tables that an update of the extension left behind, for an error. */
export function addLastReadAt(queue: QueueName): string {
  const column = 'add column if not exists last_read_at timestamptz'
  return `alter table ${queueTable(queue)} ${column}; alter table ${archiveTable(queue)} ${column};`
}
