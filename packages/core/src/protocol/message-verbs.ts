import { pgmqError } from '../errors.js'
import type { JsonObject, JsonValue } from '../json.js'
import { compareIds } from '../message.js'
import type { Doing } from '../session.js'
import { enqueue, hasHeaders } from '../statements/enqueue.js'
import { type MessageRecord, pop, read, setVt } from '../statements/protocol/messages.js'
import { archiveById, removeById, type Settled } from '../statements/settle.js'
import {
  type Batch,
  batchOf,
  conditionText,
  idsOf,
  jobsOf,
  oneOf,
  optionsOf,
  type ReadOptions,
  readArguments,
  type SecondsOrDate,
  type SendBatchOptions,
  type SendOptions,
  whenOf,
} from './arguments.js'
import type { ProtocolContext } from './context.js'
import { type PollOptions, poll } from './poll.js'

export interface ConditionalReadOptions extends ReadOptions {
  /** Only messages whose body contains this (`@>`). No index serves it. */
  readonly conditional?: JsonObject | readonly JsonValue[]
}

export interface MessageVerbs {
  /**
   * Sends a message; resolves to its id.
   *
   * @throws BODY_NOT_SERIALIZABLE for what jsonb refuses, CONFIGURATION_INVALID; before anything is sent
   * @throws FEATURE_UNSUPPORTED for headers before pgmq 1.5
   * @example await pgmq.send('emails', { to: 'ada@example.com' }, { headers: { 'x-pgmq-group': 'ada' }, delay: 60 })
   */
  send(queue: string, message: JsonValue, options?: SendOptions): Promise<string>
  /**
   * Sends messages in one statement, all or none; resolves to their ids in the same order.
   *
   * @throws BATCH_TOO_LARGE above 64 MiB
   */
  sendBatch(queue: string, messages: readonly JsonValue[], options?: SendBatchOptions): Promise<readonly string[]>
  /** Hides the visible messages with the lowest ids, and resolves to them, by id. */
  read(queue: string, options?: ConditionalReadOptions): Promise<readonly MessageRecord[]>
  /**
   * Reads until there is something. The wait is here, not in the server, where it would hold a transaction open and keep
   * vacuum from every table. Reads once at the least.
   */
  readWithPoll(queue: string, options?: ConditionalReadOptions & PollOptions): Promise<readonly MessageRecord[]>
  /** Reads and deletes: what is lost on the way is lost. */
  pop(queue: string, options?: { readonly limit?: number }): Promise<readonly MessageRecord[]>
  /** Hides a message for so many seconds from now, or until then. `null`: there is none of that id. */
  setVt(queue: string, id: string, vt: SecondsOrDate): Promise<MessageRecord | null>
  /** Those that there were, by id. */
  setVt(queue: string, ids: readonly string[], vt: SecondsOrDate): Promise<readonly MessageRecord[]>
  /**
   * Moves a message to the archive. `false`: there is none of that id. Where the archive holds one of that id already, as
   * after a crash of an unlogged queue, that one stays, and the message leaves the queue all the same.
   */
  archive(queue: string, id: string): Promise<boolean>
  /** Those that there were, in order. */
  archive(queue: string, ids: readonly string[]): Promise<readonly string[]>
  /** Deletes a message. `false`: there is none of that id. */
  delete(queue: string, id: string): Promise<boolean>
  /** Those that there were, in order. */
  delete(queue: string, ids: readonly string[]): Promise<readonly string[]>
}

const READ_GRANTS = 'grant select, update on pgmq."q_{q}"'

const END_GRANTS = {
  archive: 'grant select, delete on pgmq."q_{q}"; grant select, insert on pgmq."a_{q}"',
  delete: 'grant select, delete on pgmq."q_{q}"',
}

export function messageVerbs(context: ProtocolContext): MessageVerbs {
  const readFrom = async (queue: string, options: ConditionalReadOptions): Promise<readonly MessageRecord[]> => {
    const request = { ...readArguments(options), conditional: conditionText(options.conditional) }
    const doing: Doing = { verb: `read from "${queue}"`, grants: READ_GRANTS }
    return await context.run(queue, doing, (shape) => read(shape, request))
  }
  return {
    send: async (queue, message, options) => (await send(context, queue, oneOf(message, options)))[0] as string,
    sendBatch: async (queue, messages, options) => await send(context, queue, batchOf(messages, options)),
    read: async (queue, options) => await readFrom(queue, optionsOf(options)),
    async readWithPoll(queue, options) {
      const given = optionsOf(options)
      return await poll(given, () => readFrom(queue, given))
    },
    async pop(queue, options) {
      const { limit } = readArguments(optionsOf(options))
      const doing = { verb: `pop from "${queue}"`, grants: 'grant select, update, delete on pgmq."q_{q}"' }
      return await context.run(queue, doing, (shape) => pop(shape, limit))
    },
    setVt: (async (queue: string, given: string | readonly string[], vt: SecondsOrDate) => {
      const found = await setVtOf(context, queue, given, vt)
      return typeof given === 'string' ? (found[0] ?? null) : found
    }) as MessageVerbs['setVt'],
    archive: ender(context, 'archive'),
    delete: ender(context, 'delete'),
  }
}

async function send(context: ProtocolContext, queue: string, batch: Batch): Promise<readonly string[]> {
  const jobs = jobsOf(batch)
  const doing: Doing = { verb: `send to "${queue}"`, grants: 'grant insert, select on pgmq."q_{q}"' }
  const ids = await context.run(queue, doing, (shape) => {
    if (!shape.headers && jobs.some(hasHeaders)) throw headersUnsupported(queue)
    return enqueue(shape, jobs, null)
  })
  if (ids.length === jobs.length) return ids
  const message = `cannot tell which messages were sent to "${queue}": of ${jobs.length}, PostgreSQL stored ${ids.length}. A trigger on its table may skip rows`
  throw pgmqError('OUTCOME_UNKNOWN', message, {})
}

function headersUnsupported(queue: string): Error {
  const message = `queue "${queue}" cannot store headers: its tables have no such column. They came with pgmq 1.5: update the extension, or send without them`
  return pgmqError('FEATURE_UNSUPPORTED', message, { feature: 'headers', since: '1.5.0' })
}

async function setVtOf(
  context: ProtocolContext,
  queue: string,
  given: string | readonly string[],
  vt: SecondsOrDate,
): Promise<readonly MessageRecord[]> {
  const ids = idsOf(given)
  const when = whenOf('vt', vt)
  if (ids.length === 0) return []
  const doing: Doing = { verb: `set the visibility of messages of "${queue}"`, grants: READ_GRANTS }
  return await context.run(queue, doing, (shape) => setVt(shape, ids, when))
}

function ender(context: ProtocolContext, verb: 'archive' | 'delete'): MessageVerbs['archive'] {
  const statement = verb === 'archive' ? archiveById : removeById
  return (async (queue: string, given: string | readonly string[]) => {
    const ids = idsOf(given)
    const doing: Doing = { verb: `${verb} messages of "${queue}"`, grants: END_GRANTS[verb] }
    const found = ids.length === 0 ? [] : endedIds(await context.run(queue, doing, (shape) => statement(shape, ids)))
    return typeof given === 'string' ? found.length > 0 : found
  }) as MessageVerbs['archive']
}

/** Keys begin with ids. */
function endedIds({ keys }: Settled): readonly string[] {
  return keys.map((key) => key.slice(0, key.indexOf('/'))).sort(compareIds)
}
