import { AttemptContext } from '../attempt/context.js'
import type { HandlerContext } from '../attempt/handler.js'
import { taskNameOf } from '../attempt/input.js'
import { checkRetry, positive } from '../checks.js'
import type { JsonValue } from '../json.js'
import { fenceOf, type Message } from '../message.js'
import { DEFAULTS } from '../options.js'
import { assertRoomForLetters } from '../queue-name.js'
import { type RetryPolicy, resolveRetry } from '../retry/policy.js'
import type { ClientContext } from './context.js'
import type { PgmqClient } from './pgmq-client.js'
import { SingleAttempt } from './single-attempt.js'

export interface ProcessOptions {
  readonly retry?: RetryPolicy
  /** @defaultValue 900 */
  readonly timeoutSeconds?: number
}

/** One attempt at one message that the caller leased, and its end. */
export async function processWithRetry<R, Connection>(
  client: PgmqClient<Connection>,
  context: ClientContext,
  message: Message,
  processor: (body: JsonValue, context: HandlerContext<Connection, unknown>) => R | Promise<R>,
  options: ProcessOptions = {},
): Promise<R | null> {
  checkRetry(options.retry)
  assertRoomForLetters(context.existing(message.queue))
  const timeoutMs = positive('timeoutSeconds', options.timeoutSeconds ?? DEFAULTS.timeoutSeconds) * 1000
  const policy = resolveRetry(options.retry, context.shared.options.retry)
  const attempt = new SingleAttempt(context, message, fenceOf(message), policy)
  const outcome = await attempt.run(timeoutMs, (host) => {
    const handlerContext = new AttemptContext(host, taskNameOf(message) ?? '', client, context.shared.options.logger)
    return processor(message.body, handlerContext as unknown as HandlerContext<Connection, unknown>)
  })
  const settled = await attempt.settle(outcome)
  return settled.kind === 'succeeded' ? (settled.output as R) : null
}
