import { sqlFloor, upstream } from './bare-loop.js'
import { bullmq } from './bullmq.js'
import { graphileWorker } from './graphile-worker.js'
import { pgBoss } from './pg-boss.js'
import { pgmq } from './pgmq.js'
import type { SystemKind } from './system.js'

/** Every system that can be measured, by the name that the command line has for it. */
export const systems = {
  pg: pgmq({ adapter: '@pgmq/node-pg' }),
  'pg-delete': pgmq({ adapter: '@pgmq/node-pg', onSuccess: 'delete' }),
  'pg-logging': pgmq({ adapter: '@pgmq/node-pg', logging: true }),
  'pg-silent': pgmq({ adapter: '@pgmq/node-pg', notify: false }),
  'postgres-js': pgmq({ adapter: '@pgmq/postgres-js' }),
  'postgres-js-delete': pgmq({ adapter: '@pgmq/postgres-js', onSuccess: 'delete' }),
  floor: sqlFloor('archive'),
  'floor-delete': sqlFloor('delete'),
  upstream,
  'graphile-worker': graphileWorker,
  'pg-boss': pgBoss,
  bullmq,
} satisfies Record<string, SystemKind>

export type SystemName = keyof typeof systems

export const systemNames = Object.keys(systems) as SystemName[]
