import { pgmqError } from '../errors.js'
import { HEADER } from '../headers.js'
import { isJsonObject, type JsonObject } from '../json.js'
import type { Message } from '../message.js'
import type { Outcome } from '../retry/outcome.js'
import { isLater, issuesText, type SchemaResult } from '../schema.js'
import type { Task } from '../task.js'

export type ParsedInput = { readonly input: unknown } | { readonly outcome: Outcome }

/** The task that a body names, if it names one. */
export function taskNameOf(message: Message): string | null {
  const { body } = message
  return isJsonObject(body) && typeof body.task === 'string' ? body.task : null
}

/** Whether a handler of this task may run for it: its body is of no newer version. */
export function isKnownTo(task: Task, message: Message): boolean {
  return versionOf(message) <= task.version
}

export function noTask(message: Message): Outcome {
  return invalid(message, 'its body has no text field "task"')
}

export function unknownTask(message: Message, name: string): Outcome {
  return {
    kind: 'unknownTask',
    error: new Error(`no handler for task ${JSON.stringify(name)} of message ${message.id} in this worker`),
  }
}

/** What the handler gets: the body without its `task`, brought up to the worker's version, through the schema. */
export function parseInput(task: Task, message: Message): ParsedInput | Promise<ParsedInput> {
  const { task: _name, ...given } = message.body as JsonObject
  const version = versionOf(message)
  if (!isKnownTo(task, message)) return { outcome: newerVersion(task, message, version) }
  let body: JsonObject = given
  try {
    for (let from = version; from < task.version; from++) body = task.upgrades?.[from]?.(body) ?? body
    const result = task.input['~standard'].validate(body)
    if (isLater(result))
      return Promise.resolve(result).then(
        (settled) => fromSchema(message, settled),
        (error: unknown) => thrown(error),
      )
    return fromSchema(message, result)
  } catch (error) {
    return thrown(error)
  }
}

function versionOf(message: Message): number {
  const version = message.headers[HEADER.version]
  return typeof version === 'number' && Number.isInteger(version) && version >= 1 ? version : 1
}

function newerVersion(task: Task, message: Message, version: number): Outcome {
  return {
    kind: 'unknownTask',
    error: new Error(
      `message ${message.id} is version ${version} of task "${task.name}", this worker knows version ${task.version}`,
    ),
  }
}

function fromSchema(message: Message, result: SchemaResult<unknown>): ParsedInput {
  return result.issues ? { outcome: invalid(message, issuesText(result.issues)) } : { input: result.value }
}

function thrown(error: unknown): ParsedInput {
  return { outcome: { kind: 'invalid', error } }
}

function invalid(message: Message, problem: string): Outcome {
  const task = taskNameOf(message) ?? ''
  return {
    kind: 'invalid',
    error: pgmqError('INPUT_INVALID', `message ${message.id} of "${message.queue}" is invalid: ${problem}`, {
      task,
      index: 0,
      issues: [],
    }),
  }
}
