import { Command, InvalidArgumentError, Option } from 'commander'
import { connectionOf } from './database/server.js'
import { Failure } from './failure.js'
import type { LogLevel, Settings } from './settings.js'

type Environment = Readonly<Record<string, string | undefined>>

interface Flags {
  readonly watch?: true
  readonly again?: true
  readonly redrive?: true
  readonly concurrency: number
  readonly visibility: number
  readonly retries: number
  readonly grace: number
  readonly batch: number
  readonly queuePrefix?: string
  readonly dataDir?: string
  readonly logLevel?: LogLevel
  readonly logFile?: string
}

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'silent']

const ENVIRONMENT = `
Environment:
  DATABASE_URL         a PostgreSQL server of yours, with pgmq
  POSTGRES_SERVER, POSTGRES_PORT, POSTGRES_DB, POSTGRES_USER, POSTGRES_PASSWORD
                       the same in parts; without any of them a server starts by itself
  SMTP_URL             sends the mails, such as smtp://user:password@mail.example.com:587;
                       without it a server on this machine catches them all: a rehearsal,
                       on the queue user_tasks_rehearsal instead of user_tasks
  MAIL_FROM            their sender (default: Example <welcome@example.com>)
  DEBUG                anything: errors come with their stack

Examples:
  npm start                               the sample of 1,000 users
  npm start -- users.csv                  users of yours: CSV with a first line id,name,email
  npm start -- users.jsonl                or an object a line: {"name": "…", "email": "…"}
  npm start -- --watch                    works until it is told to stop

Ended before it was done, it goes on where it was when it is started again.`

/** @throws Failure, or a CommanderError that has been printed: usage, and `--help`, which is none to mend */
export function readCommandLine(args: readonly string[], environment: Environment): Settings {
  const env = withoutEmpty(environment)
  const command = createCommand(env)
  command.parse([...args], { from: 'user' })
  const flags = command.opts<Flags>()
  return {
    usersFile: command.args[0],
    watch: flags.watch ?? false,
    again: flags.again ?? false,
    redrive: flags.redrive ?? false,
    connection: connectionOf(env),
    dataDir: flags.dataDir,
    queuePrefix: flags.queuePrefix,
    maxRetries: flags.retries,
    visibilitySeconds: flags.visibility,
    concurrency: flags.concurrency,
    graceSeconds: flags.grace,
    batchSize: flags.batch,
    smtpUrl: smtpUrlOf(env),
    mailFrom: mailFromOf(env),
    logLevel: flags.logLevel,
    logFile: flags.logFile,
    debug: env.DEBUG !== undefined,
  }
}

function createCommand(env: Environment): Command {
  const command = new Command('npm start --')
    .description('Enqueues a welcome mail for each user in a file, and sends them.')
    .argument('[users-file]', 'CSV or JSON Lines; without it the sample, or none with --watch')
    .helpOption('-h, --help', 'this text')
    .addHelpText('after', ENVIRONMENT)
    .exitOverride()
  for (const option of options()) command.addOption(option)
  // Commander reads `process.env` by itself, where a variable that is empty counts as set.
  for (const option of command.options)
    if (option.envVar && env[option.envVar] === undefined) delete process.env[option.envVar]
  return command.showHelpAfterError('(--help tells more)')
}

function options(): readonly Option[] {
  return [
    new Option('--watch', 'keep working until told to stop, as a service does'),
    new Option('--again', 'send to a file that was sent to before by SMTP_URL'),
    new Option('--redrive', "put the file's dead letters back, and send them again").conflicts('again'),
    number('--concurrency <number>', 'mails at once', 16, { from: 1, to: 1_000 }),
    number('--visibility <seconds>', 'how long a worker that dies keeps its jobs', 30, { from: 1, to: 86_400 }).env(
      'PGMQ_VISIBILITY_TIMEOUT',
    ),
    number('--retries <number>', 'of a mail that is refused for now', 3, { from: 0, to: 100 }).env('PGMQ_RETRY_COUNT'),
    number('--grace <seconds>', 'for mails on their way when told to stop', 20, { from: 0, to: 3_600 }),
    number('--batch <rows>', 'rows enqueued in one transaction', 500, { from: 1, to: 50_000 }),
    new Option('--queue-prefix <prefix>', 'unison makes unison_user_tasks of user_tasks')
      .argParser(prefix)
      .env('PGMQ_QUEUE_PREFIX'),
    new Option(
      '--data-dir <directory>',
      'where the server of its own keeps its data; .pgmq-data beside the app unless given',
    ),
    new Option('--log-level <level>', 'log to stderr from this level on, each message too').choices(LEVELS),
    new Option('--log-file <file>', 'log to this file instead'),
  ]
}

function number(flags: string, description: string, value: number, { from, to }: { from: number; to: number }): Option {
  return new Option(flags, description).default(value).argParser((text) => {
    const parsed = Number(text)
    if (/^[0-9]+$/.test(text) && parsed >= from && parsed <= to) return parsed
    throw new InvalidArgumentError(`Give a whole number from ${from} to ${to}.`)
  })
}

function prefix(text: string): string {
  if (/^[a-z][a-z0-9_]{0,21}$/.test(text)) return text
  throw new InvalidArgumentError('Use lower case letters, digits and _, at most 22, and begin with a letter.')
}

/** `PGMQ_QUEUE_PREFIX=` in a file of variables means that there is none. */
function withoutEmpty(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''))
}

/** Never with its value: it may hold a password. */
function smtpUrlOf({ SMTP_URL: url }: Environment): string | undefined {
  if (url === undefined) return undefined
  const { protocol, hostname } = URL.canParse(url) ? new URL(url) : { protocol: '', hostname: '' }
  if (/^smtps?:$/.test(protocol) && hostname !== '') return url
  throw new Failure('SMTP_URL is none: give one such as smtp://user:password@mail.example.com:587')
}

function mailFromOf({ MAIL_FROM: from = 'Example <welcome@example.com>' }: Environment): string {
  if (/^[^<>\p{Cc}]*<?[^\s<>@]+@[^\s<>@]+>?$/u.test(from)) return from
  throw new Failure(`MAIL_FROM ${JSON.stringify(from)} is no address: give one such as Example <welcome@example.com>`)
}
