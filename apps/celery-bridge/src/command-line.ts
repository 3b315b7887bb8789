import { Command, InvalidArgumentError, Option } from 'commander'
import { Failure } from './failure.js'
import type { LogLevel } from './log.js'

/** What flags and environment come to. */
export interface Settings {
  readonly databaseUrl: string
  readonly queues: readonly string[]
  readonly wholeQueue: boolean
  /** Ends when it has gone through the queues once. */
  readonly once: boolean
  readonly batchSize: number
  readonly pollIntervalMs: number
  readonly logLevel: LogLevel
}

interface Flags {
  readonly queue: string[]
  readonly wholeQueue?: true
  readonly once?: true
  readonly batch: number
  readonly poll: number
  readonly logLevel: LogLevel
}

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'silent']

const ENVIRONMENT = `
Environment:
  DATABASE_URL  the PostgreSQL that is Celery's broker, and this library's

Which tasks are moved, and how, is in src/routes.ts.`

/** @throws Failure, or a CommanderError that has been printed: usage, and `--help`, which is none to mend */
export function readCommandLine(args: readonly string[], env: NodeJS.ProcessEnv): Settings {
  const command = createCommand()
  command.parse([...args], { from: 'user' })
  const { queue, wholeQueue = false, once = false, batch, poll, logLevel } = command.opts<Flags>()
  return { databaseUrl: urlOf(env), queues: queue, wholeQueue, once, batchSize: batch, pollIntervalMs: poll, logLevel }
}

function createCommand(): Command {
  return new Command('celery-bridge')
    .description("Moves jobs that a Celery app puts into pgmq to this library's queues, task by task.")
    .addOption(new Option('--queue <names...>', "Kombu's queues").default(['celery']))
    .addOption(new Option('--whole-queue', 'no Python worker reads them: what is not moved is dead-lettered'))
    .addOption(new Option('--once', 'go through them once, and end'))
    .addOption(number('--poll <ms>', 'how often to look', 500, { from: 10, to: 60_000 }))
    .addOption(number('--batch <number>', 'jobs in one transaction', 100, { from: 1, to: 1_000 }))
    .addOption(new Option('--log-level <level>', 'from which on').choices(LEVELS).default('info'))
    .helpOption('-h, --help', 'this text')
    .addHelpText('after', ENVIRONMENT)
    .exitOverride()
    .showHelpAfterError('(--help tells more)')
}

function number(flags: string, description: string, value: number, { from, to }: { from: number; to: number }): Option {
  return new Option(flags, description).default(value).argParser((text) => {
    const parsed = Number(text)
    if (/^[0-9]+$/.test(text) && parsed >= from && parsed <= to) return parsed
    throw new InvalidArgumentError(`Give a whole number from ${from} to ${to}.`)
  })
}

/** Never with its value: it may hold a password. */
function urlOf({ DATABASE_URL: url }: NodeJS.ProcessEnv): string {
  if (url !== undefined && /^postgres(ql)?:\/\//.test(url) && URL.canParse(url)) return url
  throw new Failure('DATABASE_URL is none: give one such as postgres://user:password@localhost:5432/app')
}
