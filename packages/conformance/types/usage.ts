// What must compile.
import {
  type PgmqClient as AnyClient,
  createClient as createCoreClient,
  type Driver,
  type JsonObject,
  type SqlExecutor,
  type TaskFor,
} from '@pgmq/core'
import {
  createClient,
  createWorker,
  defineTask,
  fromPg,
  type Handler,
  isPgmqError,
  messageRef,
  PermanentError,
  type PgmqClient,
  RetryAfterError,
  SnoozeError,
  unchecked,
} from '@pgmq/node-pg'
import pg from 'pg'
import { z } from 'zod'
import * as tasks from './tasks.js'

declare const env: { readonly DATABASE_URL: string }
declare const mailer: {
  send(to: string, options: { signal: AbortSignal }): Promise<{ status: number; retryAfter: number }>
}

// ── One import, a URL or what is there already ───────────────────────────────────────────────────
const client = createClient(env.DATABASE_URL)
const pool = new pg.Pool({ connectionString: env.DATABASE_URL })
const onPool = createClient(pool, { queuePrefix: 'unison', visibilitySeconds: 60, logger: console })
createClient(new pg.Client(), { tuneQueues: false })
createClient(pool, { queryTimeoutSeconds: Number.POSITIVE_INFINITY })
createClient(await pool.connect())

// ── A queue and a body ───────────────────────────────────────────────────────────────────────────
const { id } = await client.enqueue('user_tasks', { task: 'send_welcome_email', email: 'a@example.com' })
const message = await client.dequeue('user_tasks', { visibilitySeconds: 60, waitSeconds: 20 })
if (message) {
  const result: { status: string } | null = await client.processWithRetry(message, (body, { signal }) => {
    signal.throwIfAborted()
    return { status: JSON.stringify(body) }
  })
  const stillMine: boolean = await client.archive(message)
  await client.setVisibility(message, 0)
  void result
  void stillMine
}
await client.archive({ queue: 'user_tasks', id })
for (const one of await client.dequeueMany('user_tasks', { limit: 50 })) one.receipt.trim()

// ── A task and its input ─────────────────────────────────────────────────────────────────────────
await client.enqueue(tasks.sendWelcomeEmail, { email: 'ada@example.com', username: 'Ada' })
await client.enqueue(tasks.ping, { at: 'now' }, { delaySeconds: 60, headers: { tenant: 'acme' } })
await client.enqueue(tasks.indexProduct, { productId: '7' }, { runAt: new Date() })
const results = await client.enqueueMany(
  tasks.sendWelcomeEmail,
  [{ email: 'a@example.com', username: 'A' }],
  (input, i) => ({ delaySeconds: i, headers: { to: input.email } }),
)
for (const result of results) result.id.toUpperCase()
async function* rows(): AsyncGenerator<{ at: string }> {
  yield { at: 'a' }
}
for await (const chunk of client.enqueueStream(tasks.ping, rows(), { chunkSize: 1000 })) chunk.length.toFixed()

// ── Contracts over fields that nobody knows, and over any JSON ───────────────────────────────────
interface Tree {
  readonly name: string
  readonly children?: readonly Tree[]
}
await client.enqueue(defineTask({ name: 'a', queue: 'q', input: z.record(z.string(), z.number()) }), { a: 1 })
await client.enqueue(defineTask({ name: 'a', queue: 'q', input: z.looseObject({ at: z.string() }) }), { at: '', b: 1 })
await client.enqueue(defineTask({ name: 'a', queue: 'q', input: unchecked<JsonObject>() }), { any: [{}] })
await client.enqueue(defineTask({ name: 'a', queue: 'q', input: unchecked<Record<string, unknown>>() }), { any: 1 })
await client.enqueue(defineTask({ name: 'a', queue: 'q', input: unchecked<Tree>() }), { name: 'root', children: [] })

// ── Joining a transaction ────────────────────────────────────────────────────────────────────────
const tx = await pool.connect()
await client.with(tx).enqueue(tasks.ping, { at: 'now' })
void fromPg(tx)

// ── A helper that takes any task ─────────────────────────────────────────────────────────────────
async function enqueueForTenant<I extends object>(c: AnyClient, task: TaskFor<I>, input: I): Promise<string> {
  return (await c.enqueue(task, input)).id
}
await enqueueForTenant(client, tasks.sendWelcomeEmail, { email: 'x@example.com', username: 'X' })

// ── Worker ───────────────────────────────────────────────────────────────────────────────────────
const resize: Handler<typeof tasks.resizeImage> = {
  concurrency: 2,
  handle: ({ key, width }, { log }) => log.info({ key, width }, 'resized'),
}
await using worker = createWorker({
  client,
  tasks,
  handlers: {
    sendWelcomeEmail: async ({ email, username }, { attempt, signal, log, extend, client: own }) => {
      const reply = await mailer.send(email, { signal })
      if (reply.status === 429) throw new RetryAfterError('rate limited', { delaySeconds: reply.retryAfter })
      if (reply.status === 550) throw new PermanentError(`refused: ${username}`, { cause: reply })
      if (attempt > 3) throw new SnoozeError('later', { delaySeconds: 60 })
      await extend(60)
      await own.enqueue(tasks.ping, { at: 'after mail' })
      log.info({ email }, 'sent')
    },
    generateReport: async ({ month, format }, { completeWith }) => {
      const c = await pool.connect()
      await c.query('insert into reports (month) values ($1)', [month.getFullYear()])
      await completeWith(c, { url: 'https://example.com', pages: 3 })
      return { url: `https://example.com/${format satisfies 'pdf' | 'csv'}`, pages: 3 }
    },
    resizeImage: resize,
    indexProduct: ({ productId, locale }) => productId + (locale ?? ''),
    ping: ({ at }) => at.length,
  },
  concurrency: 32,
  queues: {
    user_tasks: { weight: 4, concurrency: 16, retainArchive: { days: 30 } },
    reports: { weight: 1, visibilitySeconds: 300, onSuccess: 'delete' },
  },
  middleware: [(context, next) => (context.task === 'ping' ? next() : next())],
})
worker.on('deadLettered', ({ task, error, reason }) => console.error(task, error, reason))()
const stopper = new AbortController()
await worker.start({ signal: stopper.signal })
const { more } = await worker.drain({ maxMs: 20_000, maxMessages: 500 })
void more
worker.health().connected.valueOf()
await worker.stop({ graceSeconds: 20 })

// ── Errors, dead letters, queues ─────────────────────────────────────────────────────────────────
const error: unknown = new Error('any')
if (isPgmqError(error, 'INPUT_INVALID')) error.details.issues.map((issue) => issue.message)
if (isPgmqError(error) && error.code === 'LEASE_LOST') error.details.lease.receipt.trim()
for (const letter of (await client.deadLetters.list('user_tasks', { limit: 100 })).items) letter.error.trim()
await client.deadLetters.redrive('user_tasks', { ids: ['7'] }, { edit: (body) => ({ ...(body as object), at: 'x' }) })
await client.deadLetters.purge('user_tasks', { failedBefore: new Date() })
const { length, oldestAgeSeconds } = await client.queues.metrics('user_tasks')
void length
void oldestAgeSeconds
void messageRef(tasks.generateReport, '42')

function borrowed(c: PgmqClient): AnyClient {
  return c
}
borrowed(client)
borrowed(onPool)

// ── A driver of your own ─────────────────────────────────────────────────────────────────────────
const executor: SqlExecutor = { scope: 'pool', query: () => Promise.resolve([]) }
const driver: Driver = { executor }
await using own = createCoreClient(driver)
await own.enqueue(tasks.ping, { at: 'x' })
