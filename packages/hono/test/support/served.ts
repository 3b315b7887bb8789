import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { createClient, type PgmqClient } from '@pgmq/node-pg'
import { type Env, Hono, type Schema } from 'hono'
import { afterAll, beforeAll } from 'vitest'

export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** A test says what it expects of it. */
  readonly json: ReturnType<typeof JSON.parse>
}

export interface Request {
  readonly token?: string
  /** Sent as JSON. */
  readonly json?: unknown
  /** Sent as it is. */
  readonly body?: RequestInit['body']
  readonly headers?: Readonly<Record<string, string>>
}

/** An app behind a socket. */
export interface Served {
  readonly url: string
  readonly call: (method: string, path: string, request?: Request) => Promise<Reply>
  readonly stop: () => Promise<void>
}

/** Serves an app of Hono's under `/jobs`. */
export async function serveRoutes<E extends Env, S extends Schema>(routes: Hono<E, S, '/'>): Promise<Served> {
  const app = new Hono().route('/jobs', routes)
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
  await new Promise<void>((resolve) => {
    if (server.listening) resolve()
    else server.once('listening', resolve)
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jobs`
  return {
    url,
    call: (method, path, request) => call(`${url}${path}`, method, request),
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        if ('closeAllConnections' in server) server.closeAllConnections()
      }),
  }
}

async function call(url: string, method: string, { token, json, body, headers = {} }: Request = {}): Promise<Reply> {
  const response = await fetch(url, {
    method,
    headers: {
      ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      ...(json !== undefined && { 'Content-Type': 'application/json' }),
      ...headers,
    },
    ...(json !== undefined && { body: JSON.stringify(json) }),
    ...(body !== undefined && { body, duplex: 'half' }),
  })
  const text = await response.text()
  const isJson = /json/.test(response.headers.get('Content-Type') ?? '')
  return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined }
}

/** Routes over a client on the suite's database, behind a socket, from before the first test to after the last. */
export function useRoutes<E extends Env, S extends Schema>(
  database: { readonly url: string },
  make: (client: PgmqClient) => Hono<E, S, '/'>,
): { readonly client: PgmqClient; readonly url: string; readonly call: Served['call'] } {
  let client: PgmqClient | undefined
  let served: Served | undefined
  beforeAll(async () => {
    client = createClient(database.url)
    served = await serveRoutes(make(client))
  })
  afterAll(async () => {
    await served?.stop()
    await client?.close()
  })
  return {
    get client() {
      return client as PgmqClient
    },
    get url() {
      return (served as Served).url
    },
    call: (...args) => (served as Served).call(...args),
  }
}
