import { DEFAULTS } from '../options.js'
import { at, LONG, now, type QueueShape, queueTable, type Statement } from './parts.js'

/** One job as JSON text: `{"h": headers?, "b": body, "s": delay in seconds?, "t": due time in microseconds?}`. */
export type EncodedJob = string

export const hasHeaders = (job: EncodedJob): boolean => job.startsWith('{"h":')

/**
 * Inserts jobs, all or none, and wakes those who listen on `channel`. The k-th smallest id is the k-th job's.
 *
 * The array is `json`, each job becomes `jsonb` on its own: as one jsonb of a thousand jobs it takes a megabyte to parse,
 * which a server gives back and takes anew for each statement. `offset 0` keeps that to once a job.
 */
export function enqueue(
  shape: QueueShape,
  jobs: readonly EncodedJob[],
  channel: string | null,
): Statement<readonly string[]> {
  const all = `[${jobs.join()}]`
  return {
    text: `with i as (insert into ${queueTable(shape)} (vt, message${shape.headers ? ', headers' : ''})
  select coalesce(${at(`(j->>'t')::bigint`)}, ${now} + coalesce((j->>'s')::float8, 0) * interval '1 second'), j->'b'${shape.headers ? `, j->'h'` : ''}
  from (select e::jsonb j, n from json_array_elements((select $1::text::json)) with ordinality t(e, n) offset 0) t
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
