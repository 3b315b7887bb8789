import { createClient, createWorker, type PgmqClient } from '@pgmq/node-pg'
import type pg from 'pg'
import { startOwnServer } from '../database/own-server.js'
import { requireRights } from '../database/rights.js'
import { prepareTables } from '../database/schema.js'
import { type ConnectionSettings, createPool, explainConnection, nameOf, textOfServer } from '../database/server.js'
import { type Catcher, startCatcher } from '../mail/catcher.js'
import { createMailer, type Mailer, serverOf } from '../mail/mailer.js'
import type { Log } from '../output/log.js'
import type { Terminal } from '../output/terminal.js'
import type { Settings } from '../settings.js'
import { rehearseWelcomeEmail, sendWelcomeEmail, type WelcomeEmailTask } from '../tasks.js'
import { createSendWelcomeEmail } from './send-welcome-email.js'

type Worker = ReturnType<typeof createWorker>

/** Everything a run works with. */
export interface Outfit {
  readonly pool: pg.Pool
  readonly client: PgmqClient
  readonly worker: Worker
  readonly task: WelcomeEmailTask
  readonly mailer: Mailer
  /** `undefined` when mails really go out. */
  readonly catcher: Catcher | undefined
  /** The queue as PostgreSQL knows it, with the prefix. */
  readonly queue: string
}

/** What was opened so far, to be closed in the opposite order, also when opening the rest fails. */
export class Closers {
  #closers: (() => unknown)[] = []
  #closed = false

  /** What is opened after all was closed, by a start that nobody waits for any more, is closed at once. */
  add(close: () => unknown): void {
    if (this.#closed) void close()
    else this.#closers.unshift(close)
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const close of this.#closers.splice(0)) await close()
  }
}

// Handlers use a connection for some milliseconds after each mail, so not each needs one of its own.
const MOST_HANDLER_CONNECTIONS = 30

/** @throws Failure for whatever the user can mend */
export async function createOutfit(
  settings: Settings,
  terminal: Terminal,
  log: Log,
  closers: Closers,
  stop: AbortSignal,
): Promise<Outfit> {
  const { queuePrefix, concurrency, visibilitySeconds, maxRetries, graceSeconds, smtpUrl } = settings
  const task: WelcomeEmailTask = smtpUrl === undefined ? rehearseWelcomeEmail : sendWelcomeEmail
  const queue = queuePrefix === undefined ? task.queue : `${queuePrefix}_${task.queue}`
  const pool = await openDatabase(settings, terminal, closers)
  await requireRights(pool, queue)
  await prepareTables(pool)
  const { mailer, catcher } = await openMail(settings, terminal, log, closers, stop)
  if (catcher) terminal.line(`It is a rehearsal, on a queue of its own: ${queue}`)
  const client = createClient(pool, {
    ...(queuePrefix !== undefined && { queuePrefix }),
    visibilitySeconds,
    retry: { maxRetries },
    logger: log,
  })
  closers.add(() => client.close())
  await client.queues.create(task.queue)
  const domain = /@([^>]+)/.exec(settings.mailFrom)?.[1] ?? 'localhost'
  const worker = createWorker({
    client,
    tasks: { task },
    handlers: { task: createSendWelcomeEmail(mailer, pool, domain) },
    concurrency,
    graceSeconds,
  })
  return { pool, client, worker, task, mailer, catcher, queue }
}

async function openDatabase(settings: Settings, terminal: Terminal, closers: Closers): Promise<pg.Pool> {
  const connection = settings.connection ?? (await openOwnServer(settings, terminal, closers))
  const server = nameOf(connection)
  const pool = createPool(connection, Math.min(settings.concurrency, MOST_HANDLER_CONNECTIONS) + 2)
  try {
    ;(await pool.connect()).release()
  } catch (error) {
    throw explainConnection(error, server)
  }
  closers.add(() => pool.end())
  if (settings.connection) terminal.line(`PostgreSQL at ${textOfServer(server)}`)
  return pool
}

async function openOwnServer(settings: Settings, terminal: Terminal, closers: Closers): Promise<ConnectionSettings> {
  const server = await startOwnServer(settings.dataDir)
  closers.add(() => server.stop())
  terminal.line(`PostgreSQL ${server.version} of its own on 127.0.0.1:${server.port}, data in ${server.dataDir}`)
  return { connectionString: server.url }
}

async function openMail(
  { smtpUrl, mailFrom, concurrency }: Settings,
  terminal: Terminal,
  log: Log,
  closers: Closers,
  stop: AbortSignal,
): Promise<{ readonly mailer: Mailer; readonly catcher: Catcher | undefined }> {
  const catcher = smtpUrl === undefined ? await startCatcher() : undefined
  if (catcher) closers.add(() => catcher.close())
  const url = smtpUrl ?? (catcher as Catcher).url
  const onAway = (reason: string): void => log.warn({}, `the mail server does not answer, mails wait: ${reason}`)
  const mailer = createMailer({ url, from: mailFrom, maxConnections: concurrency, stop, onAway })
  closers.add(() => mailer.close())
  await mailer.verify()
  terminal.line(
    catcher
      ? `Mails are caught by an SMTP server on ${serverOf(url)}: none leaves this machine`
      : `Mails go out by ${serverOf(url)}`,
  )
  return { mailer, catcher }
}
