import type { JsonObject, JsonValue, Task, TaskInput } from '@pgmq/node-pg'
import type { CeleryCall } from '../celery/call.js'

/** Where the calls of one Celery task go, and what input they make. */
export interface Route<T extends Task = Task> {
  readonly task: T
  /** Plain and synchronous. What it makes is checked by the task's schema; what it throws refuses the message. */
  readonly input: (args: readonly JsonValue[], kwargs: JsonObject, call: CeleryCall) => Fields<TaskInput<T>>
}

/** Celery's names of tasks, and their routes. */
export type Routes = ReadonlyMap<string, Route>

/** The names of an input's fields. Their values come from another program: the schema says whether they fit. */
export type Fields<Input> = { readonly [Name in keyof Input]: unknown }

/** @example defineRoutes({ 'app.tasks.send_welcome_email': { task: sendWelcomeEmail, input: signature('email', 'username') } }) */
export function defineRoutes<T extends Record<string, Task>>(
  routes: {
    readonly [Name in keyof T]: Route<T[Name]>
  },
): Routes {
  return new Map<string, Route>(Object.entries<Route>(routes as Record<string, Route>))
}

/**
 * Binds the arguments of a call to names, as Python does: those by position first, then those by keyword. A parameter
 * that the call leaves out is `undefined`.
 *
 * @throws where Python would: too many arguments, one given twice, one that the function does not have
 * @example signature('email', 'username')(['ada@example.com'], { username: 'Ada' })
 */
export function signature<const Name extends string>(
  ...names: readonly Name[]
): (args: readonly JsonValue[], kwargs: JsonObject) => { [N in Name]: JsonValue | undefined } {
  const known = new Set<string>(names)
  return (args, kwargs) => {
    if (args.length > names.length) throw new TypeError(`takes ${names.length} arguments, got ${args.length}`)
    const bound = new Map<string, JsonValue | undefined>(args.map((value, i) => [names[i] as string, value]))
    for (const [name, value] of Object.entries(kwargs)) {
      if (!known.has(name)) throw new TypeError(`has no parameter ${JSON.stringify(name)}`)
      if (bound.has(name)) throw new TypeError(`got ${JSON.stringify(name)} twice, by position and by keyword`)
      bound.set(name, value)
    }
    return Object.fromEntries(names.map((name) => [name, bound.get(name)])) as { [N in Name]: JsonValue | undefined }
  }
}
