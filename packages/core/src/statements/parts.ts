import type { SqlParam, SqlRow } from '../driver.js'
import { HEADER } from '../headers.js'
import type { Fence } from '../message.js'
import { DEFAULTS } from '../options.js'
import type { QueueName } from '../queue-name.js'

/** A statement: its text, its parameters and how its rows are read, side by side. */
export interface Statement<T> {
  readonly text: string
  readonly params: readonly SqlParam[]
  /** Worth a named statement. Lifecycle statements are not: a named one keeps the plan that it got on an empty queue. */
  readonly prepare?: boolean
  /** It only looks: where its reply is lost, the call may be made again. */
  readonly looks?: boolean
  /** How many times the client's limit it may take. @defaultValue 1 */
  readonly patience?: number
  decode(rows: readonly SqlRow[]): T
}

/** The patience with what goes through a whole table, or carries very much. */
export const LONG = 20
/** With what takes as long as a table is large, and has to be done all the same. */
export const ENDLESS: number = Number.POSITIVE_INFINITY

/** The patience with a statement on so many messages. */
export const patienceFor = (count: number): number => (count > DEFAULTS.batchSize ? LONG : 1)

/** A queue, and the columns its tables have: `headers` came with pgmq 1.5, `last_read_at` with 1.10. */
export interface QueueShape extends QueueName {
  readonly headers: boolean
  readonly lastReadAt: boolean
}

/** What a fresh client believes until the server's refusal teaches it otherwise. */
export function newestShape(queue: QueueName): QueueShape {
  return { ...queue, headers: true, lastReadAt: true }
}

/** The database's clock, the only one that counts. One constant, which a test clock may replace. */
export const now = 'statement_timestamp()'

/** The one quoting function for table names. pgmq lower-cases them; its own names are quoted as it quotes them. */
function table(kind: 'q' | 'a', physical: string): string {
  return `pgmq."${`${kind}_${physical}`.toLowerCase().replaceAll('"', '""')}"`
}

export const queueTable = (queue: QueueName): string => table('q', queue.physical)
export const archiveTable = (queue: QueueName): string => table('a', queue.physical)

/** A time as whole microseconds: exact, whatever DateStyle, time zone and `extra_float_digits` say. */
export const us = (time: string): string => `(date_part('epoch', ${time}) * 1000000)::int8::text`
/** And back. */
export const at = (microseconds: string): string => `timestamptz 'epoch' + ${microseconds} * interval '1 microsecond'`
/** For times that are only shown, and any that others wrote, `infinity` too: within what a JavaScript date holds. */
export const shownUs = (time: string): string =>
  `(least(greatest(date_part('epoch', ${time}), 0), 8640000000000) * 1000000)::int8::text`
export const inSeconds = (param: string): string => `${now} + ${param}::text::float8 * interval '1 second'`

/** Headers are foreign input: what is no object is kept under a name of ours, so that a patch neither fails nor loses it. */
const object = (headers: string): string =>
  `case when ${headers} is null then '{}' when jsonb_typeof(${headers}) = 'object' then ${headers} else jsonb_build_object('${HEADER.foreign}', ${headers}) end`
export const patched = (headers: string, patch: string): string => `${object(headers)} || ${patch}::jsonb`
export { object as asObject }

/** `{1,2,null}`: one text for a whole array. Only for numbers, which need no quoting. */
const numberArray = (values: readonly (string | number | null)[]): string =>
  `{${values.map((v) => v ?? 'null').join()}}`

/** `{"…",null}`: an array of texts. */
export const textArray = (values: readonly (string | null)[]): string =>
  `{${values.map((v) => (v === null ? 'null' : `"${v.replace(/[\\"]/g, '\\$&')}"`)).join()}}`

/** Further columns of the fence's rows: name, type, and one value a lease. */
export interface FenceColumn {
  readonly name: string
  readonly type: 'text' | 'float8' | 'bigint'
  readonly values: readonly (string | null)[]
}

export interface FenceParts {
  /** Begins the statement: the leases as rows `f(id, rc, us, …)`. */
  readonly cte: string
  /** Joins `q` to `f`: true for rows that are still ours. */
  readonly mine: string
  readonly params: readonly SqlParam[]
  /** For the parameters that follow. */
  readonly next: number
}

/** `skipLocked`: rows that somebody has locked are left out instead of waited for. */
export interface FenceOptions {
  readonly skipLocked?: boolean
}

/**
 * The fence, first in every statement that ends or extends a lease: a row is ours while its read count and the stamp of
 * our lease stand in it. `(select $1::…)` hides an array's length from the planner, which would else scan the table.
 */
export function fence(
  shape: QueueShape,
  leases: readonly Fence[],
  columns: readonly FenceColumn[] = [],
  options: FenceOptions = {},
): FenceParts {
  const stamp = shape.lastReadAt ? 'last_read_at' : 'enqueued_at'
  const mine = `q.msg_id = f.id and q.read_ct = f.rc and q.${stamp} = ${at('f.us')}`
  const arrays = columns.map(({ type }, i) => `, (select $${i + 4}::text::${type}[])`).join('')
  const names = ['id', 'rc', 'us', ...columns.map(({ name }) => name)].join(', ')
  const rows = `select * from unnest((select $1::text::bigint[]), (select $2::text::int[]), (select $3::text::bigint[])${arrays}) f(${names})`
  const cte = options.skipLocked
    ? `with g as (${rows}), f as (select f.* from g f join ${queueTable(shape)} q on ${mine} for update of q skip locked)`
    : `with f as (${rows})`
  const params = [
    numberArray(leases.map(({ id }) => id)),
    numberArray(leases.map(({ readCount }) => readCount)),
    numberArray(leases.map(({ stamp: value }) => value)),
    ...columns.map(({ type, values }) => (type === 'text' ? textArray(values) : numberArray(values))),
  ]
  return { cte, mine, params, next: params.length + 1 }
}

/**
 * A lease's name, also in what statements return. Of two leases of one message the read counts differ, but for a server
 * that crashed before the first was on its disk: then only the stamps do.
 */
export const leaseKey = ({ id, readCount, stamp }: Fence): string => `${id}/${readCount}/${stamp}`
/** The same, of a row of the fence. */
export const KEY = `f.id || '/' || f.rc || '/' || f.us`
