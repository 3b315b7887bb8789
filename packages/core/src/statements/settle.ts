import type { Fence } from '../message.js'
import type { HeaderPatch } from '../retry/counters.js'
import {
  archiveTable,
  type FenceOptions,
  type FenceParts,
  fence,
  KEY,
  patched,
  patienceFor,
  type QueueShape,
  queueTable,
  type Statement,
} from './parts.js'

export interface Settled {
  /** The leases that were ours, by `leaseKey`. What is missing was lost, or settled before. */
  readonly keys: readonly string[]
  /** How many the archive took; fewer than keys where it had a message of the same id already. */
  readonly archived: number
}

/** Moves finished messages to the archive, each only by the holder of its lease. */
export function archive(
  shape: QueueShape,
  leases: readonly Fence[],
  patches: readonly (HeaderPatch | null)[],
  options?: FenceOptions,
): Statement<Settled> {
  const texts = patches.map((patch) => (patch ? JSON.stringify(patch) : null))
  return archiveOf(shape, fence(shape, leases, [{ name: 'h', type: 'text', values: texts }], options), leases.length)
}

/** An operator's: whoever holds their leases loses them. */
export function archiveById(shape: QueueShape, ids: readonly string[]): Statement<Settled> {
  return archiveOf(shape, byId(ids), ids.length)
}

/** Removes finished messages without a trace. */
export function remove(shape: QueueShape, leases: readonly Fence[], options?: FenceOptions): Statement<Settled> {
  return removeOf(shape, fence(shape, leases, [], options), leases.length)
}

/** An operator's. */
export function removeById(shape: QueueShape, ids: readonly string[]): Statement<Settled> {
  return removeOf(shape, byId(ids), ids.length)
}

function byId(ids: readonly string[]): FenceParts {
  return {
    cte: 'with f as (select id, 0 rc, 0 us, null::text h from unnest((select $1::text::bigint[])) f(id))',
    mine: 'q.msg_id = f.id',
    params: [`{${ids.join()}}`],
    next: 2,
  }
}

function archiveOf(shape: QueueShape, { cte, mine, params }: FenceParts, count: number): Statement<Settled> {
  const plain = ['msg_id', 'read_ct', 'enqueued_at', ...(shape.lastReadAt ? ['last_read_at'] : []), 'vt', 'message']
  const columns = [...plain, ...(shape.headers ? ['headers'] : [])].join(', ')
  const headers = shape.headers
    ? `, case when f.h is null then q.headers else ${patched('q.headers', 'f.h')} end headers`
    : ''
  return {
    text: `${cte},
d as (delete from ${queueTable(shape)} q using f where ${mine} returning ${plain.map((c) => `q.${c}`).join(', ')}${headers}, ${KEY} key),
i as (insert into ${archiveTable(shape)} (${columns}) select ${columns} from d on conflict do nothing returning 1)
select (select count(*) from i)::text archived, string_agg(key, ',') keys from d`,
    params,
    patience: patienceFor(count),
    decode: ([row]) => ({ keys: row?.keys?.split(',') ?? [], archived: Number(row?.archived) }),
  }
}

function removeOf(shape: QueueShape, { cte, mine, params }: FenceParts, count: number): Statement<Settled> {
  return {
    text: `${cte}, d as (delete from ${queueTable(shape)} q using f where ${mine} returning ${KEY} key)
select string_agg(key, ',') keys from d`,
    params,
    patience: patienceFor(count),
    decode([row]) {
      const keys = row?.keys?.split(',') ?? []
      return { keys, archived: keys.length }
    },
  }
}

/** Of leases whose settling got no reply: those that lie in the archive as they were finished. */
export function findArchived(shape: QueueShape, leases: readonly Fence[]): Statement<readonly string[]> {
  const { cte, mine, params } = fence(shape, leases)
  return {
    text: `${cte} select ${KEY} key from f join ${archiveTable(shape)} q on ${mine}`,
    params,
    decode: (rows) => rows.map((row) => row.key as string),
  }
}

/** Of leases whose deletion got no reply: those whose message is gone. */
export function findGone(shape: QueueShape, leases: readonly Fence[]): Statement<readonly string[]> {
  const { cte, params } = fence(shape, leases)
  return {
    text: `${cte} select ${KEY} key from f where not exists (select from ${queueTable(shape)} q where q.msg_id = f.id)`,
    params,
    decode: (rows) => rows.map((row) => row.key as string),
  }
}
