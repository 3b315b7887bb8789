import { warnOfClash } from '../attempt/archive-clash.js'
import { endingStatement, type Operation, type OperationKind } from '../attempt/operation.js'
import { errorText, isPgmqError } from '../errors.js'
import type { Logger } from '../logger.js'
import { compareIds } from '../message.js'
import { DEFAULTS } from '../options.js'
import type { Doing } from '../session.js'
import { isDataError, UNDEFINED_TABLE } from '../sql-state.js'
import { Bell } from './bell.js'
import type { Delivery } from './delivery.js'
import { doubtful, stillOurs } from './doubt.js'
import type { Link } from './link.js'
import type { QueueRun } from './queue-run.js'

const RETRY_MS = 200

/** `ended`: as asked. `lost`: the lease was no longer ours. `refused`: the database does not take it, and never will. */
export type SettleResult = { readonly kind: 'ended' | 'lost' } | { readonly kind: 'refused'; readonly error: unknown }

export interface Entry {
  readonly delivery: Delivery
  readonly operation: Operation
  readonly done: (result: SettleResult) => void
  /** A reply was lost: it may be done already. */
  inDoubt: boolean
}

/**
 * Ends leases in batches: what finishes within a few milliseconds goes in one statement a queue and kind, each lease
 * fenced. What could not be sent is kept and sent again when the connection is back; what got no reply is looked up first.
 */
export class Settler {
  readonly #link: Link
  readonly #logger: Logger | undefined
  /** On a connection that the leases share nothing may wait for a row. */
  readonly #neverWait: boolean
  readonly #bell = new Bell()
  #pending: Entry[] = []
  #busy = 0
  #stopped = false
  #pauseMs: number = DEFAULTS.flushMs

  constructor(link: Link, logger: Logger | undefined, neverWait: boolean) {
    this.#link = link
    this.#logger = logger
    this.#neverWait = neverWait
  }

  /** Deliveries whose end is not in the database yet. */
  get size(): number {
    return this.#pending.length + this.#busy
  }

  add(delivery: Delivery, operation: Operation, done: (result: SettleResult) => void): void {
    this.#pending.push({ delivery, operation, done, inDoubt: false })
    if (this.#pending.length === 1 || this.#pending.length >= DEFAULTS.batchSize) this.#bell.ring()
  }

  /** The connection is back: what waited is sent at once. Resolves with the replies. Never rejects. */
  async wake(): Promise<void> {
    await this.flush()
    this.#bell.ring()
  }

  /** Runs until `stop`. Never rejects. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      await this.#bell.wait()
      while (this.#pending.length > 0 && this.#link.up && !this.#stopped) {
        const pauseMs = this.#pauseMs
        this.#pauseMs = DEFAULTS.flushMs
        if (this.#pending.length < DEFAULTS.batchSize || pauseMs > DEFAULTS.flushMs) await this.#bell.wait(pauseMs)
        await this.flush()
      }
    }
  }

  stop(): void {
    this.#stopped = true
    this.#bell.ring()
  }

  /** Sends what is there, one statement for each queue and kind. */
  async flush(): Promise<void> {
    const entries = this.#pending.splice(0)
    this.#busy += entries.length
    for (const group of groups(entries)) {
      await this.#settle(group)
      this.#busy -= group.length
    }
  }

  async #settle(group: readonly Entry[]): Promise<void> {
    let open = group
    try {
      open = await this.#withoutDone(group)
      if (open.length > 0) await this.#send(open)
    } catch (error) {
      if (!isRefusal(error)) this.#keep(open, error)
      else if (open.length > 1 && isOneItems(error)) await this.#halve(open)
      else for (const { done } of open) done({ kind: 'refused', error })
    }
  }

  /** Of entries in doubt, those that turn out to be done are answered; the rest is sent again. */
  async #withoutDone(group: readonly Entry[]): Promise<readonly Entry[]> {
    const asked = group.filter(({ inDoubt }) => inDoubt)
    if (asked.length === 0) return group
    const done = await doubtful(this.#link, asked)
    for (const entry of asked) if (done.has(entry.delivery.key)) entry.done({ kind: 'ended' })
    return group.filter(({ inDoubt, delivery }) => !(inDoubt && done.has(delivery.key)))
  }

  async #send(group: readonly Entry[]): Promise<void> {
    const [first] = group as [Entry, ...Entry[]]
    const { queue } = first.delivery
    // What got no reply may have waited for a row: not again.
    const skipLocked = this.#neverWait || first.inDoubt
    const leases = group.map(({ delivery }) => delivery.fence)
    const operations = group.map(({ operation }) => operation)
    const { keys, archived } = await this.#link.run(queue.name, doing(queue, first.operation.kind), (shape) =>
      endingStatement(first.operation.kind, shape, leases, operations, { skipLocked }),
    )
    warnOfClash(this.#logger, queue.name.logical, keys.length - archived)
    const ended = keys.length < group.length ? new Set(keys) : null
    const missing = ended ? group.filter(({ delivery }) => !ended.has(delivery.key)) : []
    for (const { delivery, done } of group) if (!ended || ended.has(delivery.key)) done({ kind: 'ended' })
    if (missing.length > 0) await this.#missing(missing, skipLocked)
  }

  /** Lost; or, where locked rows were passed over, perhaps only locked for the moment. */
  async #missing(entries: readonly Entry[], skipLocked: boolean): Promise<void> {
    const ours = skipLocked ? await stillOurs(this.#link, entries).catch(() => null) : new Set<string>()
    const kept = entries.filter(({ delivery }) => !ours || ours.has(delivery.key))
    for (const entry of entries) if (!kept.includes(entry)) entry.done({ kind: 'lost' })
    if (kept.length > 0) this.#again(kept)
  }

  /** Nothing is dropped for want of a connection. */
  #keep(group: readonly Entry[], error: unknown): void {
    const unknown = isPgmqError(error, 'OUTCOME_UNKNOWN')
    if (!unknown && !isPgmqError(error, 'CONNECTION_LOST'))
      this.#logger?.error({ err: error }, `cannot settle for now: ${errorText(error)}`)
    for (const entry of group) entry.inDoubt ||= unknown
    this.#again(group)
  }

  /** Not at once: what stands in the way may need a moment to pass. */
  #again(group: readonly Entry[]): void {
    this.#pending.unshift(...group)
    this.#pauseMs = RETRY_MS
  }

  async #halve(group: readonly Entry[]): Promise<void> {
    const half = group.length >> 1
    await this.#settle(group.slice(0, half))
    await this.#settle(group.slice(half))
  }
}

/** The database refused one item's data, or the statement could not even be made of them. */
const isOneItems = (error: unknown): boolean => isDataError(error) || !isPgmqError(error)

/** The archive or the dead-letter queue. Where the queue itself is missing, that is QUEUE_NOT_FOUND. */
const isMissingTable = (error: unknown): boolean =>
  isPgmqError(error, 'QUERY_FAILED') && error.details.sqlState === UNDEFINED_TABLE

/** The database will not take it however often it is sent: one item's data, a grant, or a table. */
function isRefusal(error: unknown): boolean {
  return (
    isOneItems(error) ||
    isMissingTable(error) ||
    isPgmqError(error, 'PERMISSION_DENIED') ||
    isPgmqError(error, 'QUEUE_NOT_FOUND') ||
    isPgmqError(error, 'EXTENSION_MISSING')
  )
}

function doing(queue: QueueRun, kind: OperationKind): Doing {
  const letters = kind === 'deadLetter' ? '; grant insert on pgmq."q_{q}_dlq"' : ''
  return {
    verb: `settle messages of "${queue.name.logical}" (${kind})`,
    grants: `grant select, update, delete on pgmq."q_{q}"; grant select, insert on pgmq."a_{q}"${letters}`,
  }
}

/** One group a queue and kind, each in the order of ids, so that two settles never deadlock. */
function groups(entries: readonly Entry[]): Entry[][] {
  const all: Entry[][] = []
  for (const entry of entries) {
    const group = all.find(([first]) => belongTogether(first as Entry, entry))
    if (group) group.push(entry)
    else all.push([entry])
  }
  for (const group of all) group.sort((a, b) => compareIds(a.delivery.fence.id, b.delivery.fence.id))
  return all.flatMap((group) => chunks(group))
}

function belongTogether(one: Entry, other: Entry): boolean {
  return (
    one.delivery.queue === other.delivery.queue &&
    one.operation.kind === other.operation.kind &&
    one.inDoubt === other.inDoubt
  )
}

function chunks(group: Entry[]): Entry[][] {
  const parts: Entry[][] = []
  for (let i = 0; i < group.length; i += DEFAULTS.batchSize) parts.push(group.slice(i, i + DEFAULTS.batchSize))
  return parts
}
