import type { Fence } from '../message.js'
import type { HeaderPatch } from '../retry/counters.js'
import { fence, KEY, patched, type QueueShape, queueTable, type Statement } from './parts.js'

/** Writes counters; lease and receipt stay as they are. Needs the column `headers`. */
export function note(
  shape: QueueShape,
  leases: readonly Fence[],
  patches: readonly HeaderPatch[],
): Statement<readonly string[]> {
  const texts = patches.map((patch) => JSON.stringify(patch))
  const { cte, mine, params } = fence(shape, leases, [{ name: 'h', type: 'text', values: texts }])
  return {
    text: `${cte}
update ${queueTable(shape)} q set headers = ${patched('q.headers', 'f.h')}
from f where ${mine} returning ${KEY} key`,
    params,
    decode: (rows) => rows.map((row) => row.key as string),
  }
}
