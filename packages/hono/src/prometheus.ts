import type { QueueMetrics, WorkerHealth } from '@pgmq/core'

/** The text format 0.0.4, which every version of Prometheus reads: https://prometheus.io/docs/instrumenting/exposition_formats/ */
export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

interface Family {
  readonly name: string
  readonly type: 'gauge' | 'counter'
  readonly help: string
  readonly samples: readonly Sample[]
}
type Sample = readonly [labels: string, value: number]

/** By hand: the client library for Prometheus is of Node.js alone, and keeps state; here there is nothing to keep. */
export function prometheusText(queues: readonly QueueMetrics[], worker: WorkerHealth | undefined): string {
  const families = [...queueFamilies(queues), ...(worker ? workerFamilies(worker) : [])]
  return families.map(textOf).join('')
}

function queueFamilies(queues: readonly QueueMetrics[]): readonly Family[] {
  const gauge = (name: string, help: string, value: (of: QueueMetrics) => number | null): Family => ({
    name: `pgmq_queue_${name}`,
    type: 'gauge',
    help,
    samples: queues.flatMap((each): Sample[] => {
      const measured = value(each)
      return measured === null ? [] : [[labelOf(each.queue), measured]]
    }),
  })
  const total = gauge('enqueued_messages_total', 'Messages ever enqueued.', (queue) => queue.totalMessages)
  return [
    gauge('messages', 'Messages in the queue, leased and delayed ones included.', ({ length }) => length),
    gauge('visible_messages', 'Messages that may be leased now.', ({ visibleLength }) => visibleLength),
    gauge('oldest_message_age_seconds', 'Age of the oldest message.', ({ oldestAgeSeconds }) => oldestAgeSeconds),
    { ...total, type: 'counter' },
  ]
}

function workerFamilies(health: WorkerHealth): readonly Family[] {
  const gauge = (name: string, help: string, value: number): Family => ({
    name: `pgmq_worker_${name}`,
    type: 'gauge',
    help,
    samples: [['', value]],
  })
  return [
    gauge('ready', '1 when it is fit for work.', Number(health.ready)),
    gauge('handlers_running', 'Handlers that run.', health.inFlight),
    gauge('stray_handlers', 'Handlers that outlived their time-out.', health.strays),
    gauge('unwritten_dead_letters', 'Dead letters that could not be written.', health.unwrittenDeadLetters),
    gauge('event_loop_delay_seconds', 'How late a timer was, at the worst.', health.eventLoopDelayMs / 1000),
  ]
}

function textOf({ name, type, help, samples }: Family): string {
  const lines = samples.map(([labels, value]) => `${name}${labels} ${value}\n`)
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

/** Others name their queues as they like. */
function labelOf(queue: string): string {
  const escaped = queue.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')
  return `{queue="${escaped}"}`
}
