import { checkRetry } from './checks.js'
import { configurationInvalid } from './errors.js'
import type { JsonObject, JsonValue } from './json.js'
import type { MessageRef } from './message.js'
import { queueName } from './queue-name.js'
import type { RetryPolicy } from './retry/policy.js'
import type { InferInput, InferOutput, StandardSchema } from './schema.js'

/** One labelled bag instead of five positional parameters: a hover explains itself. */
export interface TaskTypes {
  name: string
  queue: string
  /** What a producer passes. */
  input: unknown
  /** What a handler gets, where the schema transforms. */
  parsed?: unknown
  /** What the job's output is, where the task has an output schema. */
  output?: unknown
  /** What a handler returns, where the output schema transforms. */
  returned?: unknown
}

/** The contract between producers and workers: a plain frozen value, with no client, handler or driver behind it. */
export interface Task<out T extends TaskTypes = TaskTypes> {
  readonly name: T['name']
  readonly queue: T['queue']
  readonly version: number
  readonly input: StandardSchema
  readonly output?: StandardSchema
  readonly upgrades?: { readonly [fromVersion: number]: (body: JsonObject) => JsonObject }
  readonly aliases?: readonly string[]
  readonly retry?: RetryPolicy
  readonly timeoutSeconds?: number
  /** Types only; never present at run time. */
  readonly '~types'?: T
}

export type TaskInput<T extends Task> = TypesOf<T>['input']
export type TaskParsed<T extends Task> = TypesOf<T> extends { parsed: infer Parsed } ? Parsed : TypesOf<T>['input']
export type TaskOutput<T extends Task> = TypesOf<T> extends { output: infer Output } ? Output : unknown
export type TaskReturned<T extends Task> = TypesOf<T> extends { returned: infer Returned } ? Returned : TaskOutput<T>

/** Any task that takes `Input`; for helpers that enqueue whatever they are given. */
export interface TaskFor<Input extends object, Output = unknown> {
  readonly name: string
  readonly queue: string
  readonly '~types'?: { readonly input: Input; readonly output?: Output }
}

export interface TaskDefinition<
  Name extends string,
  Queue extends string,
  In extends StandardSchema,
  Out extends StandardSchema,
> {
  /** Written into every body as `task`. Part of your data: renaming it orphans queued jobs, unless `aliases` keeps the old name. */
  readonly name: Name
  /** Without the client's prefix: lower case letters, digits and `_`, at most 43 characters. */
  readonly queue: Queue
  /** Checked at enqueue and again before each attempt. What the producer passed is stored; the handler gets what the schema makes of it. */
  readonly input: JsonSchema<In>
  /** Gives results a type, and checks them. Without it a handler may return anything. */
  readonly output?: Out
  /**
   * Of this contract; sent as header `x-job-version`.
   *
   * @defaultValue 1
   */
  readonly version?: number
  /** From version n to n + 1, run before `input` checks. */
  readonly upgrades?: { readonly [fromVersion: number]: (body: JsonObject) => JsonObject }
  /** Names this task had before; jobs queued under them still run. */
  readonly aliases?: readonly string[]
  readonly retry?: RetryPolicy
  /**
   * One attempt may take this long; then its signal aborts and it counts as failed.
   *
   * @defaultValue 900
   */
  readonly timeoutSeconds?: number
}

/**
 * Declares a task. Producers and workers import the value; nobody imports handler code.
 *
 * @throws QUEUE_NAME_INVALID, CONFIGURATION_INVALID
 * @example export const sendWelcomeEmail = defineTask({ name: 'send_welcome_email', queue: 'user_tasks', input: z.object({ email: z.email() }) })
 */
export function defineTask<
  const Name extends string,
  const Queue extends string,
  In extends StandardSchema,
  Out extends StandardSchema = StandardSchema,
>(
  definition: TaskDefinition<Name, Queue, In, Out>,
): Task<TypesBag<Name, Queue, InferInput<In>, InferOutput<In>, InferInput<Out>, InferOutput<Out>>> {
  const { name, queue, version = 1, timeoutSeconds } = definition
  const input = definition.input as In
  if (typeof name !== 'string' || name === '')
    throw configurationInvalid('name', `task name ${JSON.stringify(name)} is invalid: give it a text that is not empty`)
  queueName(queue, undefined)
  if (typeof input?.['~standard']?.validate !== 'function') {
    throw configurationInvalid(
      'input',
      `task "${name}": input is no Standard Schema. Use a schema of Zod, Valibot, ArkType …, or unchecked<T>()`,
    )
  }
  if (!Number.isInteger(version) || version < 1)
    throw configurationInvalid('version', `task "${name}": version ${version} is no whole number from 1`)
  if (timeoutSeconds !== undefined && !(timeoutSeconds > 0)) {
    throw configurationInvalid('timeoutSeconds', `task "${name}": timeoutSeconds ${timeoutSeconds} is not above 0`)
  }
  checkRetry(definition.retry)
  return Object.freeze({ ...definition, input, version })
}

/** A typed reference to a job that another process enqueued. */
export function messageRef<Output>(task: TaskFor<object, Output>, id: string): MessageRef<Output> {
  return { queue: task.queue, id }
}

// ── Type plumbing ────────────────────────────────────────────────────────────────────────────────

export type TypesOf<T extends Task> = NonNullable<T['~types']>

/** Leaves out what goes without saying, so that hovers stay short. */
export type TypesBag<Name, Queue, In, Parsed, Returned, Out> = unknown extends Out
  ? Same<In, Parsed> extends true
    ? { name: Name; queue: Queue; input: In }
    : { name: Name; queue: Queue; input: In; parsed: Parsed }
  : Same<Returned, Out> extends true
    ? Same<In, Parsed> extends true
      ? { name: Name; queue: Queue; input: In; output: Out }
      : { name: Name; queue: Queue; input: In; parsed: Parsed; output: Out }
    : { name: Name; queue: Queue; input: In; parsed: Parsed; returned: Returned; output: Out }

export type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** The schema, when its input survives JSON and fits the flat body; else a sentence that says what does not. */
export type JsonSchema<S extends StandardSchema> = [ProblemOf<InferInput<S>>] extends [never]
  ? S
  : ProblemOf<InferInput<S>>

export type ProblemOf<T> = unknown extends T
  ? never
  : T extends object
    ? T extends readonly unknown[]
      ? 'input must be an object'
      : 'task' extends Named<T>
        ? 'input.task is reserved: the body field `task` holds the name of the task'
        : NotJson<T, 'input', []>
    : 'input must be an object'

/** The fields that a type names, without its index signatures. */
export type Named<T> = keyof {
  [K in keyof T as string extends K ? never : number extends K ? never : K extends string ? K : never]: 0
}

/** JSON of any depth passes at once; of anything else seven levels are looked through. */
export type NotJson<T, Path extends string, Depth extends 0[]> = Depth['length'] extends 7
  ? never
  : unknown extends T
    ? never
    : T extends JsonValue | undefined
      ? never
      : T extends Date
        ? `${Path} is a Date: JSON makes it a string. Take an ISO string and convert it in the schema`
        : T extends bigint
          ? `${Path} is a bigint: JSON cannot hold it. Take a string`
          : T extends symbol | ((...args: never) => unknown) | ReadonlyMap<unknown, unknown> | ReadonlySet<unknown>
            ? `${Path} does not survive JSON`
            : T extends readonly (infer Item)[]
              ? NotJson<Item, `${Path}[]`, [...Depth, 0]>
              : FieldsNotJson<T, Path, [...Depth, 0]>

/** Of named fields, and of those that an index signature allows. */
export type FieldsNotJson<T, Path extends string, Depth extends 0[]> =
  | { [K in Named<T> & keyof T & string]: NotJson<T[K], `${Path}.${K}`, Depth> }[Named<T> & keyof T & string]
  | (string extends keyof T ? NotJson<T[string & keyof T], `${Path}.*`, Depth> : never)
