import { seconds } from '../checks.js'
import { configurationInvalid, pgmqError } from '../errors.js'
import { HEADER, OWN_HEADERS } from '../headers.js'
import { encodeJson, isJsonObject, type JsonObject } from '../json.js'
import { toMicroseconds } from '../message.js'
import { isLater, issuesText, type SchemaIssue, type SchemaResult } from '../schema.js'
import { shown, shownPlainly } from '../shown.js'
import { type EncodedJob, encodedJob } from '../statements/enqueue.js'
import type { Task, TaskFor } from '../task.js'
import type { EnqueueRequest } from './middleware.js'
import type { EnqueueOptions } from './pgmq-client.js'

/**
 * The job that an input makes, once the task's schema has let it pass. What the producer gave is stored as it is; the
 * worker parses it again. Waits only for schemas that wait.
 *
 * @throws INPUT_INVALID
 */
export function toRequest(
  target: TaskFor<object> | string,
  input: object,
  options: EnqueueOptions,
  index: number,
): EnqueueRequest | Promise<EnqueueRequest> {
  if (typeof target === 'string') return { queue: target, body: bodyOf(input), options, version: 1 }
  // A task whose module is still being loaded, in a circle of imports, is undefined.
  if (typeof target !== 'object' || target === null)
    throw configurationInvalid('task', `task ${shown(target)} is none: pass a task, or the name of a queue`)
  const task = target as Partial<Task> & TaskFor<object>
  const request = {
    queue: task.queue,
    body: { ...bodyOf(input), task: task.name },
    options,
    version: task.version ?? 1,
  }
  if ('task' in input)
    throw inputInvalid(task.name, index, {
      issues: [{ message: 'the field is reserved for the name of the task', path: ['task'] }],
    })
  const result = task.input?.['~standard'].validate(input)
  if (result && isLater(result))
    return Promise.resolve(result).then((settled) => checked(request, task.name, index, settled))
  return result ? checked(request, task.name, index, result) : request
}

function bodyOf(input: object): JsonObject {
  if (isJsonObject(input)) return input
  throw pgmqError(
    'BODY_NOT_SERIALIZABLE',
    `body ${input === null ? 'null' : Array.isArray(input) ? 'of an array' : `of type ${typeof input}`} is no job: pass an object`,
    { path: 'body' },
  )
}

function checked(request: EnqueueRequest, task: string, index: number, result: SchemaResult<unknown>): EnqueueRequest {
  if (result.issues) throw inputInvalid(task, index, result)
  return request
}

function inputInvalid(task: string, index: number, { issues }: { readonly issues: readonly SchemaIssue[] }): Error {
  return pgmqError('INPUT_INVALID', `input ${index} of task "${task}" is invalid: ${issuesText(issues)}`, {
    task,
    index,
    issues,
  })
}

/**
 * The text that the insert takes apart.
 *
 * @throws BODY_NOT_SERIALIZABLE, CONFIGURATION_INVALID
 */
export function encodeJob({ body, options, version }: EnqueueRequest): EncodedJob {
  const headers = headersOf(options.headers, version)
  return encodedJob(encodeObject(body, 'body'), headers && encodeObject(headers, 'headers'), dueOf(options))
}

function encodeObject(object: JsonObject, path: string): string {
  const text = encodeJson(object, path)
  if (text.startsWith('{')) return text
  const message = `${path} is no object once it is JSON: pass one whose toJSON, if any, gives an object`
  throw pgmqError('BODY_NOT_SERIALIZABLE', message, { path })
}

function headersOf(given: JsonObject | undefined, version: number): JsonObject | null {
  if (given === undefined && version === 1) return null
  if (given !== undefined && !isJsonObject(given))
    throw configurationInvalid('headers', `headers ${shown(given)} are invalid: pass an object`)
  const kept = Object.entries(given ?? {}).filter(([name]) => !OWN_HEADERS.has(name))
  return Object.fromEntries(version === 1 ? kept : [...kept, [HEADER.version, version]])
}

function dueOf({ delaySeconds, runAt }: EnqueueOptions): Parameters<typeof encodedJob>[2] {
  if (runAt === undefined) return delaySeconds === undefined ? {} : { seconds: seconds('delaySeconds', delaySeconds) }
  if (delaySeconds !== undefined)
    throw configurationInvalid('runAt', 'runAt and delaySeconds exclude each other: give one')
  if (!(runAt instanceof Date) || Number.isNaN(runAt.getTime()))
    throw configurationInvalid('runAt', `runAt ${shownPlainly(runAt)} is invalid: give a Date`)
  return { microseconds: toMicroseconds(runAt) }
}
