import type { PgmqClient } from '@pgmq/core'
import type { Context } from 'hono'
import type { GenericSchema, InferOutput } from 'valibot'
import type { QueueAction } from './authorize.js'
import type { FieldsSchema } from './read-input.js'
import type { RequestClient } from './request-client.js'

/** A request that was let in, taken apart. */
export interface Call<Query, Body> {
  readonly c: Context
  readonly client: PgmqClient
  /** Of the path, or the route's own. */
  readonly queue: string
  /** Of the path, for routes about one message. */
  readonly id: string
  readonly query: Query
  readonly body: Body
  readonly lent: RequestClient
}

export interface RouteOf<Query, Body> {
  readonly method: 'get' | 'post' | 'put' | 'delete'
  readonly path: string
  /** `null`: anybody may. */
  readonly action: QueueAction | null
  /** Where the path names none. */
  readonly queue?: string
  /** Of the operation in the OpenAPI document. */
  readonly name: string
  readonly summary: string
  readonly query?: FieldsSchema
  readonly body?: FieldsSchema
  /** What the OpenAPI document says of the field `input` of the body, or of its jobs: the schema of a task. */
  readonly input?: GenericSchema
  readonly status?: 201
  /** A schema of what it answers, or its media type where that is not JSON. */
  readonly answer: GenericSchema | 'text/plain' | 'text/event-stream' | 'application/json'
  /** Resolves to what is sent as JSON, or to the whole response. */
  readonly handle: (call: Call<Query, Body>) => unknown
}

/** A route whatever it takes: its handler gets what its own schemas let pass. */
export type Route = RouteOf<never, never>

/** Declares a route: the types of `query` and `body` come from their schemas. */
export function route<Q extends FieldsSchema, B extends FieldsSchema>(
  declared: Omit<RouteOf<InferOutput<Q>, InferOutput<B>>, 'query' | 'body'> & { readonly query?: Q; readonly body?: B },
): Route {
  return declared
}
