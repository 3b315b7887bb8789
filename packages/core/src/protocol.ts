/**
 * The SQL of the extension pgmq, typed.
 *
 * @module
 */

export type {
  ReadOptions,
  SecondsOrDate,
  SendBatchOptions,
  SendOptions,
} from './protocol/arguments.js'
export type { Protocol, ProtocolOptions } from './protocol/create-protocol.js'
export { createProtocol } from './protocol/create-protocol.js'
export type { GroupVerbs } from './protocol/group-verbs.js'
export type { ConditionalReadOptions, MessageVerbs } from './protocol/message-verbs.js'
export type { MetricsVerbs } from './protocol/metrics-verbs.js'
export type { NotifyOptions, NotifyVerbs } from './protocol/notify-verbs.js'
export type { PollOptions } from './protocol/poll.js'
export type { CreateOptions, PartitionOptions, QueueVerbs } from './protocol/queue-verbs.js'
export type { TopicVerbs } from './protocol/topic-verbs.js'
export type { MessageRecord } from './statements/protocol/messages.js'
export type { AllMetrics, Metrics, MetricsEstimate } from './statements/protocol/metrics.js'
export type { NotifyInsertThrottle } from './statements/protocol/notify.js'
export type { TopicBinding, TopicRoute } from './statements/protocol/topics.js'
