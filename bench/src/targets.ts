import type { Results } from './results.js'

/** What the project holds itself to: ratios within one run on one machine, and latencies. */
export interface Target {
  readonly measure: string
  readonly against: string
  readonly atLeast?: number
  readonly atMost?: number
  readonly value: (results: Results) => number
}

export const targets: readonly Target[] = [
  ratio('process on pg', 'the SQL floor', 0.93, ['process', 'pg'], ['process', 'floor']),
  ratio('process on postgres.js', 'the SQL floor', 0.88, ['process', 'postgres-js'], ['process', 'floor']),
  ratio('process, archiving', 'graphile-worker, which deletes', 1.7, ['process', 'pg'], ['process', 'graphile-worker']),
  ratio('process, deleting', 'graphile-worker', 1.9, ['process', 'pg-delete'], ['process', 'graphile-worker']),
  ratio('process', 'pg-boss', 25, ['process', 'pg'], ['process', 'pg-boss']),
  ratio('process', 'BullMQ on Redis', 2.5, ['process', 'pg'], ['process', 'bullmq']),
  ratio(
    'process with a transaction held open, last fifth',
    'its first fifth',
    0.95,
    ['held', 'pg', 'fifth5'],
    ['held', 'pg', 'fifth1'],
  ),
  ratio(
    'process with a transaction held open, last fifth',
    'graphile-worker’s',
    4,
    ['held', 'pg', 'fifth5'],
    ['held', 'graphile-worker', 'fifth5'],
  ),
  ratio(
    'enqueueMany, 1,000 a call',
    'upstream’s send_batch in a bare loop',
    0.95,
    ['enqueue-many', 'pg'],
    ['enqueue-many', 'upstream'],
  ),
  ratio(
    'enqueue, 16 in flight',
    'graphile-worker’s addJob',
    15,
    ['enqueue-16', 'pg'],
    ['enqueue-16', 'graphile-worker'],
  ),
  ratio('enqueue, 16 in flight', 'pg-boss’s send', 15, ['enqueue-16', 'pg'], ['enqueue-16', 'pg-boss']),
  ratio('enqueue, 256 in flight', 'BullMQ’s add, in memory', 1.5, ['enqueue-256', 'pg'], ['enqueue-256', 'bullmq']),
  atMost('pickup on an idle queue, p50', 'ms', 2, ['pickup', 'pg', 'p50']),
  atMost('pickup on an idle queue, p99', 'ms', 6, ['pickup', 'pg', 'p99']),
  atMost('an idle worker', 'queries a second', 1, ['idle', 'pg', 'transactionsPerSecond']),
  atMost('pickup after a late commit, p50', 'ms', 2, ['late', 'pg', 'p50']),
  atMost('pickup after a late commit, p99', 'ms', 20, ['late', 'pg', 'p99']),
  ratio('4 worker processes', 'one', 0.9, ['processes-4', 'pg'], ['process', 'pg']),
  ratio('1,000,000 waiting', '100,000 waiting', 0.95, ['process-1000000-16', 'pg'], ['process-100000-16', 'pg']),
  atMost('resident memory on pg', 'MB', 110, ['process', 'pg', 'peakMb']),
  atMost('resident memory on postgres.js', 'MB', 220, ['process', 'postgres-js', 'peakMb']),
  ratio('process, a log line for each step', 'without', 0.6, ['process', 'pg-logging'], ['process', 'pg']),
]

type Place = readonly [measure: string, row: string, figure?: string]

const at = (results: Results, [measure, row, figure = 'perSecond']: Place): number =>
  results.median(measure, row, figure)

function ratio(measure: string, against: string, atLeast: number, one: Place, other: Place): Target {
  return { measure, against, atLeast, value: (results) => at(results, one) / at(results, other) }
}

function atMost(measure: string, unit: string, limit: number, place: Place): Target {
  return { measure, against: unit, atMost: limit, value: (results) => at(results, place) }
}

/** `null` when it was not measured. */
export function isMet({ atLeast, atMost: limit, value }: Target, results: Results): boolean | null {
  const seen = value(results)
  if (Number.isNaN(seen)) return null
  return atLeast === undefined ? seen <= (limit as number) : seen >= atLeast
}
