import { isPgmqError, pgmqError } from '../errors.js'
import type { MessageRef } from '../message.js'
import { boundedSeconds } from '../retry/backoff.js'
import type { Due, Outcome } from '../retry/outcome.js'
import { issuesText, type SchemaResult, type StandardSchema } from '../schema.js'
import type { Task } from '../task.js'

/** What a handler's error makes of its attempt. Control-flow errors are told by `code`, so two copies of this library agree. */
export function failureOf(error: unknown): Outcome {
  try {
    const { code, delay } = (error ?? {}) as { code?: unknown; delay?: unknown }
    const due = dueOf(delay)
    if (code === 'SNOOZE' && due) return { kind: 'snoozed', due }
    const permanent = code === 'PERMANENT' || isPgmqError(error, 'OUTPUT_INVALID')
    return { kind: 'failed', error, permanent, due: code === 'RETRY_AFTER' ? due : null }
  } catch {
    // It cannot even be looked at: a proxy that was revoked, a getter that throws.
    return { kind: 'failed', error, permanent: false, due: null }
  }
}

/** A delay as a user's code made it; `null` where it says nothing usable. */
function dueOf(delay: unknown): Due | null {
  const { delaySeconds, runAt } = (delay ?? {}) as { delaySeconds?: unknown; runAt?: unknown }
  if (runAt instanceof Date && !Number.isNaN(runAt.getTime())) return { at: runAt }
  const seconds = boundedSeconds(delaySeconds)
  return seconds === null ? null : { seconds }
}

/** A return value, checked where the task has an output schema. */
export function successOf(task: Task, returned: unknown): Outcome | Promise<Outcome> {
  return task.output ? checkedSuccess(task, task.output, returned) : { kind: 'succeeded', output: returned }
}

async function checkedSuccess(task: Task, schema: StandardSchema, returned: unknown): Promise<Outcome> {
  const result: SchemaResult<unknown> = await schema['~standard'].validate(returned)
  if (!result.issues) return { kind: 'succeeded', output: result.value }
  const message = `the handler of task "${task.name}" returned what its output schema refuses: ${issuesText(result.issues)}`
  return failureOf(pgmqError('OUTPUT_INVALID', message, { task: task.name, issues: result.issues }))
}

/** Rolled back. A handler that swallowed the error and returned has failed all the same: its effect is not there. */
export function undone({ id }: MessageRef, outcome: Outcome): Outcome {
  if (outcome.kind !== 'succeeded') return outcome
  const error = new Error(`the transaction that was to complete message ${id} was rolled back`)
  return { kind: 'failed', error, permanent: false, due: null }
}
