/**
 * Every header of ours; `docs/wire-format.md` is the same table for writers in other languages.
 * Counters are written by whoever ends a delivery, and read as foreign input (`retry/history.ts`).
 */
export const HEADER = {
  /** Version of the task's contract the body was written by. Absent: 1. */
  version: 'x-job-version',
  /** Failures that the retry policy counts. */
  failures: 'x-job-failures',
  /** The `readCount` of the last delivery whose end is on record. */
  ended: 'x-job-ended',
  /** Deliveries that began alone in their process and have no end on record. */
  alone: 'x-job-alone',
  /** Deliveries to workers that did not know the task, or knew an older version of it. */
  unknown: 'x-job-unknown',
  /** `{ reason, error }`: the verdict on a message whose dead letter could not be written yet. */
  dead: 'x-job-dead',
  /** `true`: the handler succeeded, and only that could not be written yet. */
  done: 'x-job-done',
  /** What the handler returned, in the archive. */
  output: 'x-job-output',
  /** `failed` on an archived message that did not succeed. */
  outcome: 'x-job-outcome',
  /** Its error. */
  error: 'x-job-error',
  /** The headers that another writer gave a message and that were no object. */
  foreign: 'x-job-foreign',
} as const

/** What a dead letter, a redrive and a new message leave behind. */
export const COUNTERS: readonly string[] = [
  HEADER.failures,
  HEADER.ended,
  HEADER.alone,
  HEADER.unknown,
  HEADER.dead,
  HEADER.done,
]

/** What `enqueue` drops from headers that it is given: they are the library's to write. */
export const OWN_HEADERS: ReadonlySet<string> = new Set([
  ...COUNTERS,
  HEADER.version,
  HEADER.output,
  HEADER.outcome,
  HEADER.error,
  HEADER.foreign,
])
