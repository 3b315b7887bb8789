import type { Task, Tasks } from '@pgmq/core'
import { type Context, type Handler, Hono, type MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { requestId } from 'hono/request-id'
import type { BlankEnv } from 'hono/types'
import type { QueueApi } from './api.js'
import type { QueueAction } from './authorize.js'
import { isCrossSite } from './cross-site.js'
import { openApiRoute } from './openapi.js'
import { type QueueRoutesOptions, type ResolvedOptions, resolveOptions } from './options.js'
import { answerError, Refusal, respond } from './problem.js'
import { readBody, readQuery } from './read-input.js'
import { RequestClient } from './request-client.js'
import type { Call, Route } from './route.js'
import { deadLetterRoutes } from './routes/dead-letters.js'
import { eventRoutes } from './routes/events.js'
import { messageRoutes } from './routes/messages.js'
import { metricsRoutes } from './routes/metrics.js'
import { queueRoutes } from './routes/queues.js'
import { taskRoutes } from './routes/tasks.js'
import { drainRoutes, healthRoutes } from './routes/worker.js'

/**
 * Routes over the queues of a client, to be mounted in an app of Hono's. Opens nothing until the first request.
 *
 * @throws a TypeError without `authorize`, and for any option that is wrong
 * @example
 * const authorize = bearerTokens([{ token: process.env.JOBS_TOKEN!, roles: ['admin'] }])
 * const app = new Hono().route('/jobs', createQueueRoutes({ client, tasks, authorize }))
 */
export function createQueueRoutes<const T extends Tasks = Record<never, Task>>(
  options: QueueRoutesOptions<T>,
): Hono<BlankEnv, QueueApi<T>, '/'> {
  const resolved = resolveOptions(options)
  const app = new Hono()
  app.onError((error, c) => answerError(error, c, resolved))
  const routes = allRoutes(resolved)
  for (const each of routes) app.on(each.method.toUpperCase(), each.path, ...stepsOf(each, resolved))
  // Mounted at the root, no more may be taken than what is plainly ours.
  for (const path of ['/queues/*', '/tasks/*']) app.all(path, requestId(), notFound)
  app.notFound((c) => notFound(c))
  return app
}

function allRoutes(options: ResolvedOptions): readonly Route[] {
  const routes = [
    ...queueRoutes,
    ...messageRoutes,
    ...taskRoutes(options.tasks),
    ...deadLetterRoutes,
    ...metricsRoutes(options),
    ...eventRoutes(options),
    ...drainRoutes(options),
    ...healthRoutes(options),
  ]
  return [...routes, openApiRoute(routes)]
}

/** On each route of its own, since middleware on `*` would be that of the whole app when mounted at its root. */
function stepsOf(each: Route, options: ResolvedOptions): readonly [MiddlewareHandler, ...MiddlewareHandler[], Handler] {
  const tooLarge = new Refusal(413, 'BODY_TOO_LARGE', `the body is larger than ${options.maxBodyBytes} bytes`)
  const limit = bodyLimit({ maxSize: options.maxBodyBytes, onError: (c) => respond(c, tooLarge) })
  return [requestId(), guard(each, options), ...(each.body ? [limit] : []), answer(each, options)]
}

/** Who is not let in is not read either: bodies come after this. */
function guard({ action, queue }: Route, options: ResolvedOptions): MiddlewareHandler {
  return async (c, next) => {
    c.header('Cache-Control', 'no-store')
    if (isCrossSite(c, options.origins))
      throw new Refusal(
        403,
        'CROSS_SITE',
        'a page of another origin sent this: add its origin to "origins" to allow it',
      )
    const named = queue ?? queueOf(c)
    if (action !== null) await permit(c, options, action, named)
    await next()
  }
}

async function permit(c: Context, options: ResolvedOptions, action: QueueAction, queue: string | null): Promise<void> {
  const verdict = await options.authorize(c, { action, queue })
  if (verdict === 'unauthenticated')
    throw new Refusal(401, 'UNAUTHENTICATED', 'send a token: Authorization: Bearer <token>')
  if (verdict !== true) {
    const what = queue === null ? 'all queues' : `queue "${queue}"`
    throw new Refusal(403, 'FORBIDDEN', `the action "${action}" on ${what} is not allowed to you`)
  }
  if (options.readOnly && action !== 'read')
    throw new Refusal(403, 'READ_ONLY', `only reading is allowed here, this is "${action}"`)
}

/** One spelling a queue: pgmq folds capitals, and `authorize` must not be asked about another name than is used. */
function queueOf(c: Context): string | null {
  const queue = c.req.param('queue')
  if (queue === undefined) return null
  if (/^[a-z0-9_-]{1,47}$/.test(queue)) return queue
  const rule = 'over HTTP, names are lower case letters, digits, _ and -, at most 47'
  throw new Refusal(400, 'QUEUE_NAME_INVALID', `queue name ${JSON.stringify(queue)} is invalid: ${rule}`)
}

function idOf(c: Context): string {
  const id = c.req.param('id') ?? '0'
  if (/^(0|[1-9][0-9]{0,18})$/.test(id)) return id
  throw new Refusal(400, 'REQUEST_INVALID', `message id ${JSON.stringify(id)} is invalid: ids are texts of digits`)
}

function answer(each: Route, options: ResolvedOptions): Handler {
  return async (c) => {
    const lent = new RequestClient(c, options)
    try {
      const call: Call<unknown, unknown> = {
        c,
        lent,
        get client() {
          return lent.client
        },
        queue: each.queue ?? queueOf(c) ?? '',
        id: idOf(c),
        query: each.query ? readQuery(c, each.query) : {},
        body: each.body ? await readBody(c, each.body) : {},
      }
      const result = await each.handle(call as Call<never, never>)
      return result instanceof Response ? result : c.json(result, each.status ?? 200)
    } finally {
      lent.release()
    }
  }
}

function notFound(c: Context): Response {
  return respond(c, new Refusal(404, 'NOT_FOUND', `there is no route ${c.req.method} ${c.req.path}`))
}
