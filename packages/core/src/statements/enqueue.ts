import { DEFAULTS } from '../options.js'
import { at, LONG, now, type QueueShape, queueTable, type Statement } from './parts.js'

/** One job as JSON text: `{"h": headers?, "s": delay in seconds?, "t": due time in microseconds?, "b": body}`. */
export type EncodedJob = string

const BARE = '{"b":'

/** Of texts that are JSON. At most one of `seconds` and `microseconds`. */
export function encodedJob(
  body: string,
  headers: string | null,
  { seconds, microseconds }: { readonly seconds?: string | number; readonly microseconds?: string },
): EncodedJob {
  if (headers === null && seconds === undefined && microseconds === undefined) return `${BARE}${body}}`
  const due = microseconds === undefined ? (seconds === undefined ? '' : `"s":${seconds},`) : `"t":${microseconds},`
  return `{${headers === null ? '' : `"h":${headers},`}${due}"b":${body}}`
}

export const hasHeaders = (job: EncodedJob): boolean => job.startsWith('{"h":')

const ELEMENTS = 'json_array_elements((select $1::text::json)) with ordinality t(e, n)'
const BODIES = `(vt, message)
  select ${now}, e::jsonb from ${ELEMENTS}`
const DUE = `coalesce(${at(`(j->>'t')::bigint`)}, ${now} + coalesce((j->>'s')::float8, 0) * interval '1 second')`
const JOBS = `from (select e::jsonb j, n from ${ELEMENTS} offset 0) t`
const WITH_HEADERS = `(vt, message, headers)
  select ${DUE}, j->'b', j->'h' ${JOBS}`
const WITHOUT_HEADERS = `(vt, message)
  select ${DUE}, j->'b' ${JOBS}`

/**
 * Inserts jobs, all or none, and wakes those who listen on `channel`. The k-th smallest id is the k-th job's.
 *
 * The array is `json`, each job becomes `jsonb` on its own: as one jsonb of a thousand jobs it takes a megabyte to parse,
 * which a server gives back and takes anew for each statement. `offset 0` keeps that to once a job. Nearly all jobs are
 * bodies alone, and need not be taken apart.
 */
export function enqueue(
  shape: QueueShape,
  jobs: readonly EncodedJob[],
  channel: string | null,
): Statement<readonly string[]> {
  const bare = jobs.every((job) => job.startsWith(BARE))
  const all = `[${(bare ? jobs.map((job) => job.slice(BARE.length, -1)) : jobs).join()}]`
  return {
    text: `with i as (insert into ${queueTable(shape)} ${bare ? BODIES : shape.headers ? WITH_HEADERS : WITHOUT_HEADERS}
  order by n returning msg_id)
select string_agg(msg_id::text, ',' order by msg_id) ids, (select pg_notify(c, '')::text from (select $2::text c) x where c is not null) n from i`,
    params: [all, channel],
    prepare: true,
    patience: all.length > DEFAULTS.sharedBytes ? LONG : 1,
    decode: ([row]) => row?.ids?.split(',') ?? [],
  }
}

/** Wakes those who listen, for jobs whose own statement kept silent. */
export function notify(channel: string): Statement<void> {
  return { text: `select pg_notify($1::text, '')::text n`, params: [channel], decode: () => undefined }
}
