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
