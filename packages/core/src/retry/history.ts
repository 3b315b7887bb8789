import { HEADER } from '../headers.js'
import type { JsonObject } from '../json.js'

/** What a message's headers and read count tell about the deliveries before this one. */
export interface History {
  /** What the retry policy counts. */
  readonly failures: number
  /** Deliveries that ended without an outcome on record. */
  readonly crashes: number
  /** Deliveries that began alone in their process and have no end on record. */
  readonly alone: number
  /** Deliveries to workers that did not know the task. */
  readonly unknowns: number
  /** The read count of the last delivery whose end is on record. */
  readonly ended: number
}

/** Without a record one that died in company looks like one that was given back, so it takes so many to convict. */
const DELIVERIES_FOR_ONE_ALONE = 20

/**
 * Reads the counters as foreign input: anybody can write headers. One that is missing, malformed or more than there have
 * been deliveries is 0.
 *
 * `crashes = max(0, readCount − 1 − ended)`: of the deliveries before this one, those since the last recorded end.
 */
export function readHistory(readCount: number, headers: JsonObject): History {
  const counter = (name: string, limit: number): number => {
    const value = headers[name]
    return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= limit ? value : 0
  }
  const ended = counter(HEADER.ended, readCount)
  const crashes = Math.max(0, readCount - 1 - ended)
  return {
    failures: counter(HEADER.failures, readCount),
    crashes,
    alone: counter(HEADER.alone, crashes),
    unknowns: counter(HEADER.unknown, readCount),
    ended,
  }
}

/**
 * Tables of pgmq 1.4 have no headers, so the read count stands for all: a delivery with an end raised it by two, one
 * without by one (`statements/give-back`, `statements/again`). Each end counts as a failure, a snooze and a release too;
 * what is beyond the policy makes a suspect.
 */
export function unrecordedHistory(readCount: number, maxRetries: number): History {
  const ends = Math.floor((readCount - 1) / 2)
  const crashes = Math.max(0, readCount - 1 - 2 * maxRetries)
  return {
    failures: ends,
    crashes,
    alone: Math.floor(crashes / DELIVERIES_FOR_ONE_ALONE),
    unknowns: ends,
    ended: readCount - 1 - crashes,
  }
}
