import type { SqlRow } from './driver.js'
import { configurationInvalid } from './errors.js'
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from './json.js'
import { shown, shownPlainly } from './shown.js'

/** What names a message: ids count per queue, so an id alone names nothing. Plain data, safe in JSON; `queue` is without the prefix. */
export interface MessageRef<Output = unknown> {
  readonly queue: string
  readonly id: string
  /** A type only; never present at run time. */
  readonly '~output'?: Output
}

/** The right to finish a message. With its `receipt` an acknowledgement is fenced; without it, it is an operator's. */
export interface Lease extends MessageRef {
  /** Opaque. Dead as soon as the message is retried, released, finished, or leased by another. */
  readonly receipt: string
}

export interface Message extends Lease {
  readonly body: JsonValue
  /** Empty where the message has none, or none that are an object. */
  readonly headers: JsonObject
  /** Deliveries so far, this one included. */
  readonly readCount: number
  readonly enqueuedAt: Date
  /** When it was to become visible, before this lease. */
  readonly dueAt: Date
}

/** What the fence compares: the read count, and the time of the lease (or, before pgmq 1.10, of the insert) in microseconds. */
export interface Fence {
  readonly id: string
  readonly readCount: string
  readonly stamp: string
}

/** As PostgreSQL writes it: what comes back is compared as text. */
const ID = /^(0|[1-9][0-9]{0,18})$/
const LARGEST_ID = 2n ** 63n - 1n
const RECEIPT = /^([0-9]{1,10})-(-?[0-9]{1,18})$/
const LARGEST_READ_COUNT = 2 ** 31 - 1

/** Orders ids by their number, which a text of digits tells without being one. */
export function compareIds(one: string, other: string): number {
  return one.length - other.length || (one < other ? -1 : Number(one > other))
}

export function makeReceipt(readCount: string, stamp: string): string {
  return `${readCount}-${stamp}`
}

/** @throws CONFIGURATION_INVALID when the id or the receipt is none */
export function fenceOf(lease: Lease): Fence {
  const match = typeof lease.receipt === 'string' ? RECEIPT.exec(lease.receipt) : null
  if (!match || Number(match[1]) > LARGEST_READ_COUNT) {
    throw configurationInvalid(
      'receipt',
      `receipt ${shown(lease.receipt)} of message ${shownPlainly(lease.id)} is none that this library made. Pass the message as it was leased, or leave "receipt" out to act as an operator`,
    )
  }
  return { id: checkedId(lease.id), readCount: match[1] as string, stamp: match[2] as string }
}

/** @throws CONFIGURATION_INVALID when it is no message id */
export function checkedId(id: string): string {
  if (typeof id === 'string' && ID.test(id) && BigInt(id) <= LARGEST_ID) return id
  throw configurationInvalid(
    'id',
    `message id ${shown(id)} is invalid: ids are texts of digits, as "enqueue" returns them`,
  )
}

/** A message as it lies in its queue or archive, looked at without a lease. */
export type StoredMessage = Omit<Message, 'receipt'>

/** JSON texts are parsed row by row: one bad row never loses a batch. Times are microseconds since 1970. */
export function decodeStored(queue: string, row: SqlRow): StoredMessage {
  const headers = row.headers ? parseJson(row.headers) : undefined
  return {
    queue,
    id: row.id as string,
    body: row.body ? (parseJson(row.body) ?? null) : null,
    headers: isJsonObject(headers) ? headers : {},
    readCount: Number(row.rc),
    enqueuedAt: fromMicroseconds(row.enqueued as string),
    dueAt: fromMicroseconds(row.due as string),
  }
}

export function fromMicroseconds(us: string): Date {
  return new Date(Number(us) / 1000)
}

/** What lies before 1970 is due as well, and PostgreSQL's calendar ends sooner there. */
export function toMicroseconds(date: Date): string {
  return String(Math.max(0, date.getTime()) * 1000)
}
