// `pnpm chaos`: does harm to real workers on a real server, and reads the books afterwards.
import { Command, InvalidArgumentError, Option } from 'commander'
import { detailsOf, passes, type Result, tableOf } from './report.js'
import { run } from './run.js'
import { CI, type Playing, SCENARIOS } from './scenarios/index.js'
import { soakFor } from './soak.js'
import type { Adapter } from './wire.js'

interface Options {
  readonly seconds: number
  readonly seed: number
  readonly adapter: Adapter
  readonly ci?: boolean
  readonly json?: boolean
  readonly long?: boolean
  readonly strict?: boolean
  readonly list?: boolean
}

// With an end that is told, so that nothing which was started stays behind.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

const program = new Command('pnpm chaos')
  .description('Faults and pressures: every scenario, or those that are named. Exits 1 when the books do not balance.')
  .argument('[scenario...]', 'names, as --list has them')
  .option('--seconds <n>', 'length of the phases before and after the harm', positive, 5)
  .option('--seed <n>', 'the same seed does the same harm', positive, Math.floor(Math.random() * 1_000_000) + 1)
  .addOption(new Option('--adapter <name>').choices(['node-pg', 'postgres-js']).default('node-pg'))
  .option('--ci', 'the few that run before a merge')
  .option('--long', 'the sizes that take long')
  .option('--strict', 'fail on rates, too: for a machine with nothing else to do')
  .option('--json', 'the results as JSON, and nothing else, on stdout')
  .option('--list', 'what there is')
  .action(playAll)

program
  .command('soak')
  .description('All harms at random; a line a minute, and the books every ten.')
  .requiredOption('--hours <n>', 'for so long', positive)
  .action(soak)

await program.parseAsync()

async function playAll(names: readonly string[], options: Options): Promise<void> {
  if (options.list) return list()
  await play(chosen(names, options), options)
}

async function soak(_: unknown, command: Command): Promise<void> {
  const options = command.optsWithGlobals<Options & { readonly hours: number }>()
  const scenario = soakFor(options.hours, (line) => process.stderr.write(`${line}\n`))
  await play([{ scenario, adapter: options.adapter }], options)
}

async function play(playing: readonly Playing[], options: Options): Promise<void> {
  const { json = false, strict = false, long = false, seconds, seed } = options
  const say = (text: string): void => void (json ? process.stderr : process.stdout).write(`${text}\n`)
  const results: Result[] = []
  say(`seed ${seed}, ${seconds} s before and after the harm`)
  for (const { scenario, adapter } of playing) {
    say(`\n${scenario.name} (${adapter}): ${scenario.does}`)
    try {
      const result = await run(scenario, { adapter, seconds, seed, long, strict })
      results.push(result)
      say(detailsOf(result, strict))
    } catch (error) {
      say(`it could not be played: ${(error as Error).stack}`)
    }
  }
  say(`\n${tableOf(results, strict)}`)
  if (json) process.stdout.write(`${JSON.stringify({ seed, seconds, results }, null, 2)}\n`)
  if (results.length < playing.length || !results.every((result) => passes(result, strict))) process.exitCode = 1
}

function chosen(names: readonly string[], options: Options): readonly Playing[] {
  if (options.ci) return CI
  const unknown = names.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name))
  if (unknown.length > 0) program.error(`no such scenario: ${unknown.join(', ')}. Run: pnpm chaos --list`)
  return SCENARIOS.filter(({ name }) => names.length === 0 || names.includes(name)).map((scenario) => ({
    scenario,
    adapter: options.adapter,
  }))
}

function list(): void {
  const width = Math.max(...SCENARIOS.map(({ name }) => name.length))
  for (const { name, does } of SCENARIOS) process.stdout.write(`${name.padEnd(width)}  ${does}\n`)
}

function positive(text: string): number {
  const number = Number(text)
  if (Number.isFinite(number) && number > 0) return number
  throw new InvalidArgumentError('give a number above 0')
}
