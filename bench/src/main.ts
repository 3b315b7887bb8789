import { readFile, writeFile } from 'node:fs/promises'
import { Command, InvalidArgumentError, Option } from 'commander'
import { describeMachine } from './machine.js'
import { findNodes, type Nodes } from './nodes.js'
import { full, long, type Measure, quick } from './plan.js'
import { report } from './report/report.js'
import { measureTable, targetTable } from './report/table.js'
import { Results } from './results.js'
import { rowOf } from './rows.js'
import { Stand } from './stand.js'
import { type SystemName, systemNames, systems } from './systems/index.js'

interface Options {
  readonly quick?: true
  readonly long?: true
  readonly rounds: number
  readonly add?: readonly string[]
  readonly systems?: readonly SystemName[]
  readonly json?: string
  readonly report?: string
}

/** What `--json` writes. */
interface Written {
  readonly results: Parameters<Results['addAll']>[0]
}

const command = new Command('bench')
  .description('Measures pgmq beside the bare SQL and its peers. Ratios within one run count, not absolute numbers.')
  .argument('[measure...]', 'only measures whose id begins so')
  .option('--quick', 'one short round, about three minutes')
  .option('--long', 'also what takes minutes: 3,000,000 jobs with a transaction held open')
  .addOption(
    new Option('--rounds <n>', 'rounds, whose medians are shown; 0 for a report of earlier ones alone')
      .default(3)
      .argParser(wholeNumber),
  )
  .addOption(new Option('--systems <names...>', 'only these').choices(systemNames))
  .option('--add <files...>', 'rounds of earlier runs on this machine, as --json wrote them: the medians are of all')
  .option('--json <file>', 'writes every figure of every round')
  .option('--report <folder>', 'writes performance.md and its plots')

await command.parseAsync()
await bench(command.args, command.opts<Options>())

async function bench(prefixes: readonly string[], options: Options): Promise<void> {
  const chosen = (options.quick ? quick : [...full, ...(options.long ? long : [])]).filter(
    ({ id }) => prefixes.length === 0 || prefixes.some((prefix) => id.startsWith(prefix)),
  )
  const rounds = options.quick ? 1 : options.rounds
  const nodes = findNodes()
  const results = new Results()
  for (const file of options.add ?? []) results.addAll((JSON.parse(await readFile(file, 'utf8')) as Written).results)
  const machine = describeMachine()
  await using stand = await Stand.open()
  const versions = { 'Node.js': nodes.currentVersion, ...(await stand.versions()) }
  for (let round = 1; round <= rounds; round++) {
    for (const measure of chosen) {
      if (round > 1 && long.includes(measure)) continue
      console.error(`round ${round} of ${rounds}: ${measure.title}`)
      for (const run of runsOf(measure, options.systems, stand, nodes)) await once(measure, run, stand, results)
      if (options.json) await writeFile(options.json, `${JSON.stringify({ machine, versions, results }, null, 2)}\n`)
    }
  }
  const known = [...full, ...long].filter(({ id }) => results.rows(id).length > 0)
  const shown = options.add ? known : chosen
  for (const measure of shown) console.log(`\n${measure.title}\n\n${measureTable(measure, results)}`)
  console.log(`\n${targetTable(results)}`)
  console.log(
    `\n${Object.entries({ ...machine, ...versions })
      .map(([name, value]) => `${name}: ${value}`)
      .join('\n')}`,
  )
  if (options.report) await report(options.report, { machine, versions, measures: shown, results })
}

interface Run {
  readonly system: SystemName
  readonly node: string
  readonly row: string
}

function runsOf(measure: Measure, only: readonly SystemName[] | undefined, stand: Stand, nodes: Nodes): readonly Run[] {
  const { node20 } = nodes
  const runs = measure.systems.map((system): Run => ({ system, node: nodes.current, row: rowOf(system, false) }))
  const older = node20
    ? (measure.alsoOnNode20 ?? []).map((system): Run => ({ system, node: node20, row: rowOf(system, true) }))
    : []
  return [...runs, ...older].filter(
    ({ system }) => (!only || only.includes(system)) && (stand.hasRedis || systems[system].store !== 'redis'),
  )
}

async function once(measure: Measure, { system, node, row }: Run, stand: Stand, results: Results): Promise<void> {
  const startedMs = performance.now()
  const figures = await measure.run({ stand, system, node }, results)
  results.add(measure.id, row, figures)
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  const said = Object.entries(figures).map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`)
  console.error(`  ${row} (${seconds} s): ${said.join(', ')}`)
}

function wholeNumber(text: string): number {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 0) throw new InvalidArgumentError('a whole number is needed')
  return number
}
