import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Measure } from '../plan.js'
import type { Results } from '../results.js'
import { SERVER_SETTINGS } from '../stand.js'
import { type SystemName, systems } from '../systems/index.js'
import { plots } from './plots.js'
import { markdownTable, measureTable, targetTable } from './table.js'

export interface Reported {
  readonly machine: Readonly<Record<string, string>>
  readonly versions: Readonly<Record<string, string>>
  readonly measures: readonly Measure[]
  readonly results: Results
}

/** Writes `performance.md` and its plots into a folder. */
export async function report(folder: string, { machine, versions, measures, results }: Reported): Promise<void> {
  const drawn = plots(results)
  await mkdir(path.join(folder, 'performance'), { recursive: true })
  for (const { name, svg } of drawn) await writeFile(path.join(folder, 'performance', `${name}.svg`), `${svg}\n`)
  const used = new Set(measures.flatMap(({ systems: names }) => names))
  const facts = [...Object.entries(machine), ...Object.entries(versions)].map(([name, value]) => `- ${name}: ${value}`)
  const settings = Object.entries(SERVER_SETTINGS).map(([name, value]) => `${name} = ${value}`)
  const text = `# Performance

Made by \`pnpm bench --long --report docs\`; do not edit. Only ratios within one run on one machine mean something: so
every system is measured in turn, in a process of its own, ${results.rounds === 1 ? 'in one round' : `up to ${results.rounds} rounds, of which medians are shown`}. Each job's books are
kept: a job that is lost, or runs twice, fails the run.

${facts.join('\n')}
- PostgreSQL's settings: fsync and synchronous_commit on, ${settings.join(', ')}

## Targets

${targetTable(results)}

${drawn.map(({ name, title }) => `## ${title}\n\n![${title}](performance/${name}.svg)`).join('\n\n')}

${measures.map((measure) => `## ${measure.title}\n\n${measureTable(measure, results)}`).join('\n\n')}

## How each is used

${markdownTable(
  ['system', 'settings'],
  [...used].map((name: SystemName) => [systems[name].title, systems[name].settings]),
)}
`
  await writeFile(path.join(folder, 'performance.md'), text)
}
