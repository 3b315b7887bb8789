import type { Row } from './results.js'
import { type SystemName, systems } from './systems/index.js'

const ON_NODE_20 = ' on Node.js 20'

export const rowOf = (system: SystemName, onNode20: boolean): Row => (onNode20 ? system + ON_NODE_20 : system)

/** As the tables have it. */
export function titleOf(row: Row): string {
  const system = row.replace(ON_NODE_20, '') as SystemName
  return systems[system].title + (row.endsWith(ON_NODE_20) ? ', Node.js 20' : '')
}
