import {
  type AllMetrics,
  allMetrics,
  type Metrics,
  type MetricsEstimate,
  metrics,
  metricsEstimate,
} from '../statements/protocol/metrics.js'
import type { ProtocolContext } from './context.js'

export interface MetricsVerbs {
  /** Scans the whole queue: a quarter of a second for a million messages. */
  metrics(queue: string): Promise<Metrics>
  /** Of all queues; those that cannot be measured are told apart, where upstream's function fails as a whole. */
  metricsAll(): Promise<AllMetrics>
  /**
   * The same in a millisecond or a few, whatever the queue's length: counted up to 10,000 messages, and beyond them what
   * PostgreSQL's own statistics say.
   */
  metricsEstimate(queue: string): Promise<MetricsEstimate>
}

const COUNT_TO = 10_000

export function metricsVerbs(context: ProtocolContext): MetricsVerbs {
  const measuring = (queue: string): { verb: string; grants: string } => ({
    verb: `measure queue "${queue}"`,
    grants: 'grant select on pgmq."q_{q}", pgmq."q_{q}_msg_id_seq"',
  })
  return {
    metrics: (queue) => context.run(queue, measuring(queue), metrics),
    metricsAll: () => context.plain({ verb: 'measure all queues', grants: 'grant select on pgmq.meta' }, allMetrics()),
    metricsEstimate: (queue) => context.run(queue, measuring(queue), (shape) => metricsEstimate(shape, COUNT_TO)),
  }
}
