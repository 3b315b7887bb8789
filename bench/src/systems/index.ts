import type { Variant } from './pgmq.js'
import type { SystemKind } from './system.js'

/** Every system that can be measured, by the name that the command line has for it. */
export const systems = {
  pg: ours('ours on pg', {}),
  'pg-delete': ours('ours on pg, delete', { onSuccess: 'delete' }),
  'pg-logging': ours('ours on pg, logging', { logging: true }),
  'pg-silent': ours('ours on pg, no notify', { notify: false }),
  'postgres-js': ours('ours on postgres.js', { adapter: '@pgmq/postgres-js' }),
  'postgres-js-delete': ours('ours on postgres.js, delete', { adapter: '@pgmq/postgres-js', onSuccess: 'delete' }),
  floor: bareLoop('SQL floor', 'our statements', 'ours', 'archive'),
  'floor-delete': bareLoop('SQL floor, delete', 'our statements', 'ours', 'delete'),
  'floor-listening': {
    title: 'SQL floor, listening',
    settings: 'our insert, which notifies, LISTEN and our lease in a bare loop on pg, 1 reader, 1 a statement',
    store: 'postgres',
    create: async (url) => new (await import('./bare-listener.js')).BareListener(url),
  },
  upstream: bareLoop('upstream functions', 'pgmq.send, send_batch, read and archive', 'upstream', 'archive'),
  'graphile-worker': {
    title: 'graphile-worker',
    settings: 'localQueue.size 500, completeJobBatchDelay 0, failJobBatchDelay 0; it deletes what is done',
    store: 'postgres',
    create: async (url) => new (await import('./graphile-worker.js')).GraphileWorker(url),
  },
  'pg-boss': {
    title: 'pg-boss',
    settings: 'batchSize 100, localConcurrency as many as handlers, burstWhenBatchFull, LISTEN and NOTIFY',
    store: 'postgres',
    create: async (url) => new (await import('./pg-boss.js')).Boss(url),
  },
  bullmq: {
    title: 'BullMQ on Redis',
    settings: 'addBulk, removeOnComplete; Redis without persistence, so in memory alone',
    store: 'redis',
    create: async (url) => new (await import('./bullmq.js')).Bull(url),
  },
} satisfies Record<string, SystemKind>

export type SystemName = keyof typeof systems

export const systemNames = Object.keys(systems) as SystemName[]

function ours(title: string, variant: Partial<Variant>): SystemKind {
  const whole: Variant = { adapter: '@pgmq/node-pg', onSuccess: 'archive', logging: false, notify: true, ...variant }
  return {
    title,
    settings: 'as it comes',
    store: 'postgres',
    create: async (url) => await (await import('./pgmq.js')).Pgmq.create(url, whole),
  }
}

function bareLoop(
  title: string,
  what: string,
  statements: 'ours' | 'upstream',
  onSuccess: 'archive' | 'delete',
): SystemKind {
  return {
    title,
    settings: `${what} in a bare loop on pg, 2 readers, 500 a statement`,
    store: 'postgres',
    create: async (url) => new (await import('./bare-loop.js')).BareLoop(url, statements, onSuccess),
  }
}
