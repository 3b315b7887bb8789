import { HEADER } from '../headers.js'
import { type Fence, toMicroseconds } from '../message.js'
import type { HeaderPatch } from '../retry/counters.js'
import type { Due } from '../retry/outcome.js'
import {
  at,
  type FenceColumn,
  type FenceOptions,
  fence,
  KEY,
  now,
  patched,
  type QueueShape,
  queueTable,
  type Statement,
} from './parts.js'

/** Statements that end a lease and leave the message in its queue. Each kills the receipt at once. */

/** Visible again when it is due. */
export function retry(
  shape: QueueShape,
  leases: readonly Fence[],
  patches: readonly HeaderPatch[],
  dues: readonly Due[],
  options?: FenceOptions,
): Statement<readonly string[]> {
  const columns: FenceColumn[] = [
    patchColumn(shape, patches),
    { name: 's', type: 'float8', values: dues.map((due) => ('seconds' in due ? String(due.seconds) : null)) },
    { name: 't', type: 'bigint', values: dues.map((due) => ('at' in due ? toMicroseconds(due.at) : null)) },
  ]
  return giveBack(
    shape,
    `coalesce(${at('f.t')}, ${now} + f.s * interval '1 second')`,
    fence(shape, leases, columns, options),
  )
}

/** Visible at once and in its old place: `vt` goes back to the time of the insert. */
export function release(
  shape: QueueShape,
  leases: readonly Fence[],
  patches: readonly HeaderPatch[],
  options?: FenceOptions,
): Statement<readonly string[]> {
  return giveBack(shape, `least(q.enqueued_at, ${now})`, fence(shape, leases, [patchColumn(shape, patches)], options))
}

// Before pgmq 1.10 there is no lease time to clear: one more read, on record, is what kills the old receipt.
function giveBack(
  shape: QueueShape,
  vt: string,
  { cte, mine, params }: ReturnType<typeof fence>,
): Statement<readonly string[]> {
  const ended = shape.lastReadAt ? 'last_read_at = null' : 'read_ct = q.read_ct + 1'
  return {
    text: `${cte}
update ${queueTable(shape)} q set vt = ${vt}, ${ended}${setHeaders(shape)}
from f where ${mine} returning ${KEY} key`,
    params,
    decode: (rows) => rows.map((row) => row.key as string),
  }
}

function patchColumn(shape: QueueShape, patches: readonly HeaderPatch[]): FenceColumn {
  return {
    name: 'h',
    type: 'text',
    values: patches.map((patch) => JSON.stringify(shape.lastReadAt ? patch : oneMoreEnded(patch))),
  }
}

function oneMoreEnded(patch: HeaderPatch): HeaderPatch {
  const ended = patch[HEADER.ended]
  return typeof ended === 'number' ? { ...patch, [HEADER.ended]: ended + 1 } : patch
}

const setHeaders = (shape: QueueShape): string => (shape.headers ? `, headers = ${patched('q.headers', 'f.h')}` : '')

/** Of leases whose giving back got no reply: those that were given back and have not been leased since. */
export function findGivenBack(shape: QueueShape, leases: readonly Fence[]): Statement<readonly string[]> {
  const { cte, params } = fence(shape, leases)
  const ended = shape.lastReadAt ? 'q.read_ct = f.rc and q.last_read_at is null' : 'q.read_ct = f.rc + 1'
  return {
    text: `${cte} select ${KEY} key from f join ${queueTable(shape)} q on q.msg_id = f.id and ${ended}`,
    params,
    decode: (rows) => rows.map((row) => row.key as string),
  }
}
