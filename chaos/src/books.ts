import { BOOKS_SCHEMA } from './books-schema.js'
import { type Entry, QUEUE } from './job.js'
import { LOST, RULES } from './rules.js'
import type { Sql } from './server.js'
import type { WorkerEvent } from './wire.js'

/** What a rule found. */
export interface Fault {
  readonly never: string
  readonly ids: readonly string[]
}

export interface Balance {
  readonly told: number
  readonly doubts: number
  readonly refused: number
  readonly queue: number
  readonly archive: number
  readonly dead: number
  readonly lost: number
  /** Messages whose handler came to its end more than once: allowed for attempts that were cut off. */
  readonly duplicates: number
  readonly faults: readonly Fault[]
}

export async function openBooks(sql: Sql): Promise<void> {
  await sql(BOOKS_SCHEMA)
}

/** Enters what the producers know, and what workers reported, beside what the triggers wrote. */
export async function enter(
  sql: Sql,
  entries: readonly Entry[],
  events: readonly (WorkerEvent & { readonly worker: string })[],
): Promise<void> {
  for (const part of parts(entries))
    await sql(
      `insert into chaos.told (n, fate, msg_id, harm) select * from unnest($1::text[], $2::text[], $3::bigint[], $4::text[])`,
      [part.map(({ n }) => n), part.map(({ fate }) => fate), part.map(({ id }) => id), part.map(({ harm }) => harm)],
    )
  for (const part of parts(events))
    await sql(
      `insert into chaos.reported (event, msg_id, receipt, read_ct, worker, at, detail)
       select e, i, l, r, w, to_timestamp(t / 1000), d
       from unnest($1::text[], $2::bigint[], $3::text[], $4::int[], $5::text[], $6::float8[], $7::text[]) u(e, i, l, r, w, t, d)`,
      [
        part.map(({ event }) => event),
        part.map(({ id }) => id),
        part.map(({ receipt }) => receipt),
        part.map(({ readCount }) => readCount),
        part.map(({ worker }) => worker),
        part.map(({ atMs }) => atMs),
        part.map(({ detail }) => detail ?? null),
      ],
    )
  await sql('analyze chaos.log, chaos.told, chaos.reported, chaos.effects')
}

/** Whether the books balance. One rule, one statement: see `rules.ts`. */
export async function audit(sql: Sql): Promise<Balance> {
  const faults: Fault[] = []
  for (const { never, broken } of RULES) {
    const ids = (await sql<{ id: string }>(broken)).map(({ id }) => id)
    if (ids.length > 0) faults.push({ never, ids })
  }
  const [counts] = await sql<Record<string, string>>(`select
    (select count(*) from chaos.told where fate = 'told') told,
    (select count(*) from chaos.told where fate = 'doubt') doubts,
    (select count(*) from chaos.told where fate = 'refused') refused,
    (select count(*) from chaos.places where place = 'queue') queue,
    (select count(*) from chaos.places where place = 'archive') archive,
    (select count(*) from chaos.places where place = 'dead') dead,
    (select count(*) from (select from chaos.effects group by msg_id having count(*) > 1) twice) duplicates`)
  const count = (name: string): number => Number(counts?.[name])
  return {
    told: count('told'),
    doubts: count('doubts'),
    refused: count('refused'),
    queue: count('queue'),
    archive: count('archive'),
    dead: count('dead'),
    duplicates: count('duplicates'),
    lost: faults.find(({ never }) => never === LOST)?.ids.length ?? 0,
    faults,
  }
}

/** All that is known of a message: where it is, and every step of it in the order of time. */
export async function history(sql: Sql, id: string): Promise<string> {
  const places = await sql<{ line: string }>(
    `select format('  now in %s, read_ct %s, headers %s%s', place, read_ct, headers, ' letter ' || letter::text) line
     from chaos.places where msg_id = $1`,
    [id],
  )
  const steps = await sql<{ line: string }>(
    `select format('  %s %s%s by %s', to_char(at, 'HH24:MI:SS.MS'), what, ' (read_ct ' || read_ct || ')', who) line from (
       select at, 'log: ' || op what, read_ct, app who, seq from chaos.log where msg_id = $1
       union all select at, 'effect', read_ct, worker, null from chaos.effects where msg_id = $1
       union all select at, 'event: ' || event || coalesce(' ' || detail, ''), read_ct, worker, null
         from chaos.reported where msg_id = $1) steps order by at, seq`,
    [id],
  )
  const told = await sql<{ line: string }>(
    `select format('  producer''s n %s, %s%s', n, fate, ', which ' || harm) line from chaos.told where msg_id = $1`,
    [id],
  )
  const where = places.length > 0 ? places : [{ line: '  now nowhere' }]
  return [`message ${id}`, ...[...told, ...where, ...steps].map(({ line }) => line)].join('\n')
}

/** What the events of a run cost in parameters is bounded so. */
function parts<T>(rows: readonly T[], size = 50_000): T[][] {
  return Array.from({ length: Math.ceil(rows.length / size) }, (_, i) => rows.slice(i * size, (i + 1) * size))
}

/** For a run so long that its books would fill the disk: what has been audited is gone. */
export async function wipe(sql: Sql): Promise<void> {
  await sql(`truncate chaos.log, chaos.effects, chaos.told, chaos.reported, pgmq.a_${QUEUE}, pgmq.q_${QUEUE}_dlq`)
}
