import type { Handler, HandlerFunction, Handlers, Tasks } from '../attempt/handler.js'
import { wholeNumber } from '../checks.js'
import { configurationInvalid } from '../errors.js'
import { DEFAULTS } from '../options.js'
import { queueName } from '../queue-name.js'
import type { Task } from '../task.js'

/** A task, and what this worker does for it. */
export interface RegisteredTask {
  readonly task: Task
  readonly handle: HandlerFunction<Task>
  /** Handlers of this task at once. */
  readonly concurrency: number
  /** Running now. */
  running: number
}

export type TaskTable = ReadonlyMap<string, RegisteredTask>

/** Queue by queue, the tasks by every name they go under. @throws CONFIGURATION_INVALID */
export function registerTasks(tasks: Tasks, handlers: Handlers<Tasks>): ReadonlyMap<string, TaskTable> {
  const queues = new Map<string, Map<string, RegisteredTask>>()
  for (const [key, task] of Object.entries(tasks)) {
    if (!isTask(task)) continue
    const registered = register(key, task, handlers[key])
    const names = queues.get(task.queue) ?? new Map<string, RegisteredTask>()
    queues.set(task.queue, names)
    for (const name of [task.name, ...(task.aliases ?? [])]) {
      if (names.has(name))
        throw configurationInvalid('tasks', `two tasks of queue "${task.queue}" go under the name "${name}"`)
      names.set(name, registered)
    }
  }
  const unknown = Object.keys(handlers).find((key) => !isTask(tasks[key]))
  if (unknown !== undefined)
    throw configurationInvalid(`handlers.${unknown}`, `handlers.${unknown} has no task of that key`)
  if (queues.size === 0)
    throw configurationInvalid('tasks', 'tasks is empty: a worker needs at least one task made by defineTask')
  return queues
}

/** `import * as tasks` brings along whatever else its file exports. */
function isTask(value: unknown): value is Task {
  const { name, queue, input } = (value ?? {}) as Partial<Task>
  return typeof name === 'string' && typeof queue === 'string' && typeof input?.['~standard']?.validate === 'function'
}

function register(key: string, task: Task, handler: Handler<Task> | undefined): RegisteredTask {
  queueName(task.queue, undefined)
  const { handle, concurrency = Number.POSITIVE_INFINITY } =
    typeof handler === 'function' ? { handle: handler } : (handler ?? {})
  if (typeof handle !== 'function')
    throw configurationInvalid(
      `handlers.${key}`,
      `handlers.${key} is missing: task "${task.name}" needs a function, or { handle }`,
    )
  if (concurrency !== Number.POSITIVE_INFINITY) wholeNumber(`handlers.${key}.concurrency`, concurrency, 1)
  return { task, handle, concurrency, running: 0 }
}

export const timeoutMsOf = (task: Task, ofQueue: number | undefined): number =>
  (task.timeoutSeconds ?? ofQueue ?? DEFAULTS.timeoutSeconds) * 1000
