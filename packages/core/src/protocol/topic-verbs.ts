import { configurationInvalid } from '../errors.js'
import type { JsonValue } from '../json.js'
import type { MessageRef } from '../message.js'
import { existingQueueName } from '../queue-name.js'
import type { Doing } from '../session.js'
import { shown } from '../shown.js'
import type { Statement } from '../statements/parts.js'
import {
  bindTopic,
  listTopicBindings,
  sendTopic,
  type TopicBinding,
  type TopicRoute,
  testRouting,
  unbindTopic,
} from '../statements/protocol/topics.js'
import { type Batch, batchOf, oneOf, type SendBatchOptions, type SendOptions } from './arguments.js'
import type { ProtocolContext } from './context.js'
import { FEATURES } from './features.js'

/**
 * Messages to every queue that is bound to a pattern which their routing key fits. `*` stands for one segment, `#` for any
 * text: `logs.#` fits `logs.a.b`, but not `logs`. All throw FEATURE_UNSUPPORTED before pgmq 1.11.
 */
export interface TopicVerbs {
  /** Binds a queue to a pattern, once. @throws QUEUE_NOT_FOUND */
  bindTopic(pattern: string, queue: string): Promise<void>
  /** `false`: it was not bound. */
  unbindTopic(pattern: string, queue: string): Promise<boolean>
  /** Of a queue, or all; by pattern and queue. */
  listTopicBindings(queue?: string): Promise<readonly TopicBinding[]>
  /** Where a message would go; by pattern and queue. */
  testRouting(routingKey: string): Promise<readonly TopicRoute[]>
  /** Sends a message to every queue that is bound, once to each; resolves to where it lies, by queue. None: nobody is bound. */
  sendTopic(routingKey: string, message: JsonValue, options?: SendOptions): Promise<readonly MessageRef[]>
  /** The same for many, queue by queue, in the order of the messages. */
  sendBatchTopic(
    routingKey: string,
    messages: readonly JsonValue[],
    options?: SendBatchOptions,
  ): Promise<readonly MessageRef[]>
}

const BINDING_GRANTS = 'grant select, insert, delete on pgmq.topic_bindings; grant select on pgmq.meta'

export function topicVerbs(context: ProtocolContext): TopicVerbs {
  const ask = <T>(verb: string, statement: Statement<T>): Promise<T> => {
    const doing: Doing = { verb, grants: BINDING_GRANTS }
    return context.feature(FEATURES.topics, doing, () => context.plain(doing, statement))
  }
  return {
    async bindTopic(pattern, queue) {
      checkTopic('pattern', pattern)
      const doing: Doing = { verb: `bind queue "${queue}" to "${pattern}"`, grants: BINDING_GRANTS }
      await context.lookAtListed(queue, doing)
      await ask(doing.verb, bindTopic(pattern, queue))
    },
    async unbindTopic(pattern, queue) {
      checkTopic('pattern', pattern)
      existingQueueName(queue, undefined)
      return await ask(`unbind queue "${queue}" from "${pattern}"`, unbindTopic(pattern, queue))
    },
    async listTopicBindings(queue) {
      if (queue !== undefined) existingQueueName(queue, undefined)
      return await ask('list topic bindings', listTopicBindings(queue ?? null))
    },
    async testRouting(routingKey) {
      checkTopic('routingKey', routingKey)
      return await ask(`route "${routingKey}"`, testRouting(routingKey))
    },
    sendTopic: async (key, message, options) => await send(context, key, oneOf(message, options)),
    sendBatchTopic: async (key, messages, options) => await send(context, key, batchOf(messages, options)),
  }
}

async function send(context: ProtocolContext, routingKey: string, batch: Batch): Promise<readonly MessageRef[]> {
  checkTopic('routingKey', routingKey)
  const { bodies, headers, when } = batch
  const given = headers.some((one) => one !== null) ? `[${headers.map((one) => one ?? 'null').join()}]` : null
  const doing: Doing = {
    verb: `send to topic "${routingKey}"`,
    grants: 'grant select on pgmq.topic_bindings; grant insert, select on <the tables of the queues that are bound>',
  }
  const statement = sendTopic(routingKey, { bodies: `[${bodies.join()}]`, headers: given, when })
  return await context.feature(FEATURES.sendTopic, doing, () => context.plain(doing, statement))
}

const RULES = {
  routingKey: { allowed: /^[a-zA-Z0-9._-]{1,255}$/, refused: /^\.|\.$|\.\./, also: '' },
  pattern: { allowed: /^[a-zA-Z0-9._*#-]{1,255}$/, refused: /^\.|\.$|\.\.|\*\*|##|\*#|#\*/, also: ', * and #' },
}

/** Upstream's rules: its own refusal would end a caller's transaction. */
function checkTopic(field: 'routingKey' | 'pattern', given: string): void {
  const { allowed, refused, also } = RULES[field]
  if (typeof given === 'string' && allowed.test(given) && !refused.test(given)) return
  throw configurationInvalid(
    field,
    `${field} ${shown(given)} is invalid: give segments of letters, digits, - and _${also}, with single dots between them, 255 characters in all`,
  )
}
