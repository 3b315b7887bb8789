import { randomUUID } from 'node:crypto'
import type { JsonObject, JsonValue } from '@pgmq/node-pg'

export interface CeleryMessage {
  /** The Kombu queue. It stands in the message, too: a Python consumer acknowledges by it. */
  readonly queue: string
  /** As Celery has it: `app.tasks.resize_image`. */
  readonly task: string
  /** @defaultValue none */
  readonly args?: readonly JsonValue[]
  /** @defaultValue none */
  readonly kwargs?: JsonObject
  /** From then on Celery discards it. */
  readonly expires?: Date
  /** @defaultValue a random one */
  readonly id?: string
}

/**
 * A call of a task that is still Python's, as Kombu stores it. A delay is the queue's own: give it to `enqueue`.
 *
 * @example await client.with(tx).enqueue('celery', celeryMessage({ queue: 'celery', task: 'app.tasks.resize_image', args: [42] }))
 */
export function celeryMessage(call: CeleryMessage): JsonObject {
  const { queue, task, args = [], kwargs = {}, expires, id = randomUUID() } = call
  const embed = { callbacks: null, errbacks: null, chain: null, chord: null }
  return {
    body: Buffer.from(JSON.stringify([args, kwargs, embed])).toString('base64'),
    'content-type': 'application/json',
    'content-encoding': 'utf-8',
    headers: {
      lang: 'py',
      task,
      id,
      root_id: id,
      parent_id: null,
      group: null,
      eta: null,
      expires: expires?.toISOString() ?? null,
      retries: 0,
      timelimit: [null, null],
      argsrepr: JSON.stringify(args),
      kwargsrepr: JSON.stringify(kwargs),
    },
    properties: {
      correlation_id: id,
      reply_to: '',
      delivery_mode: 2,
      delivery_info: { exchange: '', routing_key: queue },
      priority: 0,
      body_encoding: 'base64',
      delivery_tag: randomUUID(),
    },
  }
}
