import type { SqlRow } from '../driver.js'
import type { Fence } from '../message.js'
import type { HeaderPatch } from '../retry/counters.js'
import {
  archiveTable,
  type FenceOptions,
  type FenceParts,
  fence,
  KEY,
  leaseKey,
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
  return archiveOf(
    shape,
    fence(shape, leases, [{ name: 'h', type: 'text', values: texts }], options),
    leases.map(leaseKey),
  )
}

/** An operator's: whoever holds their leases loses them. */
export function archiveById(shape: QueueShape, ids: readonly string[]): Statement<Settled> {
  return archiveOf(shape, byId(ids), ids.map(idKey))
}

/** Removes finished messages without a trace. */
export function remove(shape: QueueShape, leases: readonly Fence[], options?: FenceOptions): Statement<Settled> {
  return removeOf(shape, fence(shape, leases, [], options), leases.map(leaseKey))
}

/** An operator's. */
export function removeById(shape: QueueShape, ids: readonly string[]): Statement<Settled> {
  return removeOf(shape, byId(ids), ids.map(idKey))
}

function byId(ids: readonly string[]): FenceParts {
  return {
    cte: 'with f as (select id, 0 rc, 0 us, null::text h from unnest((select $1::text::bigint[])) f(id))',
    mine: 'q.msg_id = f.id',
    params: [`{${ids.join()}}`],
    next: 2,
  }
}

const idKey = (id: string): string => leaseKey({ id, readCount: '0', stamp: '0' })

/** Nearly always it is all of them, and their number says so. */
const ENDED = `select (select count(*) from d)::text ended, case when (select count(*) from d) < cardinality($1::text::bigint[])
  then (select string_agg(${KEY}, ',') from d f) end keys`

const endedKeys = (row: SqlRow | undefined, all: readonly string[]): readonly string[] =>
  Number(row?.ended) === all.length ? all : (row?.keys?.split(',') ?? [])

function archiveOf(shape: QueueShape, { cte, mine, params }: FenceParts, all: readonly string[]): Statement<Settled> {
  const plain = ['msg_id', 'read_ct', 'enqueued_at', ...(shape.lastReadAt ? ['last_read_at'] : []), 'vt', 'message']
  const columns = [...plain, ...(shape.headers ? ['headers'] : [])].join(', ')
  const headers = shape.headers
    ? `, case when f.h is null then q.headers else ${patched('q.headers', 'f.h')} end headers`
    : ''
  return {
    text: `${cte},
d as (delete from ${queueTable(shape)} q using f where ${mine} returning ${plain.map((c) => `q.${c}`).join(', ')}${headers}, f.id, f.rc, f.us),
i as (insert into ${archiveTable(shape)} (${columns}) select ${columns} from d on conflict do nothing returning 1)
${ENDED}, (select count(*) from i)::text archived`,
    params,
    patience: patienceFor(all.length),
    decode: ([row]) => ({ keys: endedKeys(row, all), archived: Number(row?.archived) }),
  }
}

function removeOf(shape: QueueShape, { cte, mine, params }: FenceParts, all: readonly string[]): Statement<Settled> {
  return {
    text: `${cte}, d as (delete from ${queueTable(shape)} q using f where ${mine} returning f.id, f.rc, f.us)
${ENDED}`,
    params,
    patience: patienceFor(all.length),
    decode([row]) {
      const keys = endedKeys(row, all)
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
