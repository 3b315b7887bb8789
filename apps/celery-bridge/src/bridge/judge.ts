import type { EnqueueOptions, JsonObject, JsonValue, TaskFor } from '@pgmq/node-pg'
import { type CeleryCall, readCall } from '../celery/call.js'
import { Refusal } from '../refusal.js'
import type { Route, Routes } from './define-routes.js'

/** What becomes of a message of Celery's that was not refused. */
export type Verdict =
  | {
      readonly kind: 'move'
      readonly task: TaskFor<JsonObject>
      readonly input: JsonObject
      readonly options: EnqueueOptions
    }
  | { readonly kind: 'expire'; readonly call: CeleryCall }

/**
 * Decides by the message and the table alone. `now` is the database's.
 *
 * @throws Refusal
 */
export function judge(message: JsonValue, routes: Routes, now: Date): Verdict {
  const call = readCall(message)
  if (call.expires && call.expires <= now) return { kind: 'expire', call }
  const route = routes.get(call.task)
  if (!route) throw new Refusal('unknown_task', `no route for the Celery task ${JSON.stringify(call.task)}`)
  const options = { headers: headersOf(call), ...(call.eta && { runAt: call.eta }) }
  return { kind: 'move', task: route.task as TaskFor<JsonObject>, input: inputOf(route, call), options }
}

function inputOf(route: Route, call: CeleryCall): JsonObject {
  try {
    // The schema looks at the values when the job is enqueued.
    return route.input(call.args, call.kwargs, call) as JsonObject
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    throw new Refusal(
      'invalid_input',
      `the arguments of ${call.task} make no input of "${route.task.name}": ${problem}`,
      {
        cause: error,
      },
    )
  }
}

/** For those who look for a job by Celery's id, and for handlers that heed `expires`. */
function headersOf({ id, expires, retries }: CeleryCall): JsonObject {
  return {
    'celery-id': id,
    ...(expires && { 'celery-expires': expires.toISOString() }),
    ...(retries > 0 && { 'celery-retries': retries }),
  }
}
