import { fromMicroseconds, type MessageRef } from '../../message.js'
import { DEFAULTS } from '../../options.js'
import { LONG, type Statement, shownUs } from '../parts.js'
import { type When, whenSql } from './messages.js'

export function bindTopic(pattern: string, queue: string): Statement<void> {
  return {
    text: 'select from pgmq.bind_topic($1::text, $2::text)',
    params: [pattern, queue],
    decode: () => undefined,
  }
}

export function unbindTopic(pattern: string, queue: string): Statement<boolean> {
  return {
    text: 'select pgmq.unbind_topic($1::text, $2::text)::text unbound',
    params: [pattern, queue],
    decode: ([row]) => row?.unbound === 'true',
  }
}

export interface TopicBinding {
  readonly pattern: string
  readonly queue: string
  readonly boundAt: Date
  /** What PostgreSQL matches routing keys with. */
  readonly compiledRegex: string
}

export function listTopicBindings(queue: string | null): Statement<readonly TopicBinding[]> {
  return {
    text: `select pattern::text, queue_name::text queue, ${shownUs('bound_at')} bound, compiled_regex::text regex
from pgmq.list_topic_bindings(${queue === null ? '' : '$1::text'}) order by pattern, queue_name`,
    params: queue === null ? [] : [queue],
    looks: true,
    decode: (rows) =>
      rows.map((row) => ({
        pattern: row.pattern as string,
        queue: row.queue as string,
        boundAt: fromMicroseconds(row.bound as string),
        compiledRegex: row.regex as string,
      })),
  }
}

export interface TopicRoute {
  readonly pattern: string
  readonly queue: string
  readonly compiledRegex: string
}

export function testRouting(routingKey: string): Statement<readonly TopicRoute[]> {
  return {
    text: `select pattern::text, queue_name::text queue, compiled_regex::text regex
from pgmq.test_routing($1::text) order by pattern, queue_name`,
    params: [routingKey],
    looks: true,
    decode: (rows) =>
      rows.map((row) => ({
        pattern: row.pattern as string,
        queue: row.queue as string,
        compiledRegex: row.regex as string,
      })),
  }
}

export interface TopicMessages {
  /** JSON text of an array. */
  readonly bodies: string
  /** The same, `null` for a message without; `null` when none has any. */
  readonly headers: string | null
  readonly when: When
}

/**
 * `pgmq.send_batch_topic`, for one message as well: unlike `send_topic` it tells ids, and takes a time. One JSON text
 * holds all: drivers flatten, or quote twice, an array of jsonb.
 */
export function sendTopic(
  routingKey: string,
  { bodies, headers, when }: TopicMessages,
): Statement<readonly MessageRef[]> {
  const elements = (param: string, value: string): string =>
    `array(select ${value} from jsonb_array_elements((select ${param}::text::jsonb)) with ordinality e(v, n) order by n)`
  return {
    text: `select queue_name::text queue, msg_id::text id from pgmq.send_batch_topic($1::text, ${elements('$2', 'v')},
  case when $3::text is not null then ${elements('$3', `nullif(v, 'null')`)} end, ${whenSql(4, 5)}) s order by s.queue_name, s.msg_id`,
    params: [routingKey, bodies, headers, when.seconds, when.time],
    patience: bodies.length > DEFAULTS.sharedBytes ? LONG : 1,
    decode: (rows) => rows.map((row) => ({ queue: row.queue as string, id: row.id as string })),
  }
}
