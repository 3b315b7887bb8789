import { HEADER } from '../../../core/src/headers.js'
import type { Sent } from './gate.js'
import type { Ledger } from './ledger.js'
import { counterOf, keyOf, type Row, type Snapshot } from './snapshot.js'
import type { WorkerProcess } from './worker-process.js'

const IS_LEASE = /^with pick as/
const IS_FENCED = /^with [fg] as/
/** Ends a delivery and begins the next in place. */
const RENEWS = /^update [^;]* returning [^;]* was,/m
/** Ends a delivery, and leaves the message where it is. */
const GIVES_BACK = /^update \S+ q set vt = /m

/** What one statement of a worker did to the queue; throws where it had no right to. */
export function judge(ledger: Ledger, by: WorkerProcess, sent: Sent, before: Snapshot, after: Snapshot): void {
  for (const row of before.queued) {
    const now = after.inQueue(row.n)
    if (now && isSame(row, now)) continue
    if (IS_LEASE.test(sent.text)) leased(ledger, by, row, now, after)
    else if (IS_FENCED.test(sent.text)) underFence(ledger, by, sent, row, now)
    else throw new Error(`job ${row.n} was changed by ${sent.text}`)
  }
}

function leased(ledger: Ledger, by: WorkerProcess, row: Row, now: Row | undefined, after: Snapshot): void {
  if (!now || now.readCount !== row.readCount + 1) throw new Error(`job ${row.n} was leased without being counted`)
  if (row.dueUs > (after.rows[0]?.nowUs ?? 0)) throw new Error(`job ${row.n} was leased before it was due`)
  const job = ledger.job(row.n)
  ledger.lost(job)
  job.holder = by
}

function underFence(ledger: Ledger, by: WorkerProcess, sent: Sent, row: Row, now: Row | undefined): void {
  if (!fencesOf(sent).has(keyOf(row)))
    throw new Error(`job ${row.n} was changed under a receipt that is not the one of its lease, by ${sent.text}`)
  const job = ledger.job(row.n)
  const isOver = !now || now.readCount !== row.readCount || now.stamp !== row.stamp
  if (now && counterOf(now, HEADER.failures) > counterOf(row, HEADER.failures) + 1)
    throw new Error(`job ${row.n} failed once, and that was counted twice`)
  if (now && !isOver && GIVES_BACK.test(sent.text))
    throw new Error(`job ${row.n} was given back, and its receipt lives on`)
  if (isOver && by.ended.has(keyOf(row))) ledger.endedOnRecord(job)
  if (isOver && !RENEWS.test(sent.text)) job.holder = null
}

/** Every fenced statement begins with the leases that it is about: ids, read counts, stamps. */
function fencesOf({ params }: Sent): ReadonlySet<string> {
  const [ids, readCounts, stamps] = params.slice(0, 3).map((array) => String(array).slice(1, -1).split(','))
  return new Set(ids?.map((id, i) => `${id}/${readCounts?.[i]}/${stamps?.[i]}`))
}

function isSame(one: Row, other: Row): boolean {
  return (
    keyOf(one) === keyOf(other) &&
    one.dueUs === other.dueUs &&
    JSON.stringify(one.headers) === JSON.stringify(other.headers)
  )
}
