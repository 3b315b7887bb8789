// What must not compile. Each line below a @ts-expect-error is one promise of the surface.
import type { SqlExecutor } from '@pgmq/core'
import {
  createClient,
  createWorker,
  defineTask,
  type Handler,
  messageRef,
  RetryAfterError,
  SnoozeError,
  unchecked,
} from '@pgmq/node-pg'
import pg from 'pg'
import * as v from 'valibot'
import { z } from 'zod'
import * as tasks from './tasks.js'

const client = createClient('postgres://localhost/app')

// ── Payloads ─────────────────────────────────────────────────────────────────────────────────────
// @ts-expect-error misspelt field
await client.enqueue(tasks.sendWelcomeEmail, { emial: 'ada@example.com', username: 'Ada' })
// @ts-expect-error missing field
await client.enqueue(tasks.sendWelcomeEmail, { email: 'ada@example.com' })
// @ts-expect-error wrong type
await client.enqueue(tasks.resizeImage, { key: 'a.png', width: '10' })
// @ts-expect-error the producer passes the schema's input, not its output
await client.enqueue(tasks.generateReport, { month: new Date() })
// @ts-expect-error no input
await client.enqueue(tasks.ping)
// @ts-expect-error a raw body must be JSON too: Date
await client.enqueue('user_tasks', { task: 'ping', at: new Date() })
// @ts-expect-error bigint
await client.enqueue('user_tasks', { task: 'ping', id: 1n })
// @ts-expect-error one item of many
await client.enqueueMany(tasks.ping, [{ at: 'a' }, { at: 1 }])
// @ts-expect-error unknown option (delay has a unit in its name)
await client.enqueue(tasks.ping, { at: 'a' }, { delay: 10 })

// ── Contracts ────────────────────────────────────────────────────────────────────────────────────
// @ts-expect-error Date input would arrive as a string
defineTask({ name: 'a', queue: 'q', input: z.object({ at: z.date() }) })
// @ts-expect-error bigint deep inside
defineTask({ name: 'a', queue: 'q', input: z.object({ lines: z.array(z.object({ amount: z.bigint() })) }) })
// @ts-expect-error `task` is taken by the wire
defineTask({ name: 'a', queue: 'q', input: z.object({ task: z.string() }) })
// @ts-expect-error a Date under a name that the schema does not know
defineTask({ name: 'a', queue: 'q', input: z.record(z.string(), z.date()) })
// @ts-expect-error a Date beside fields that the schema does not know
defineTask({ name: 'a', queue: 'q', input: z.looseObject({ at: z.date() }) })
// @ts-expect-error a Date among them
defineTask({ name: 'a', queue: 'q', input: z.object({ id: z.string() }).catchall(z.date()) })
// @ts-expect-error `task` beside fields that the schema does not know
defineTask({ name: 'a', queue: 'q', input: z.looseObject({ task: z.string() }) })
// @ts-expect-error a bigint in another library's loose object
defineTask({ name: 'a', queue: 'q', input: v.looseObject({ id: v.bigint() }) })
// @ts-expect-error a Date six levels deep
defineTask({ name: 'a', queue: 'q', input: unchecked<{ a: { b: { c: { d: { e: { at?: Date } } } } } }>() })
// @ts-expect-error the body is an object
defineTask({ name: 'a', queue: 'q', input: z.string() })
// @ts-expect-error a task knows its queue
defineTask({ name: 'a', input: unchecked<{ x: number }>() })
// @ts-expect-error not a schema
defineTask({ name: 'a', queue: 'q', input: { email: 'string' } })

// ── Handlers ─────────────────────────────────────────────────────────────────────────────────────
const two = { ping: tasks.ping, resizeImage: tasks.resizeImage }
// @ts-expect-error a task without a handler
createWorker({ client, tasks: two, handlers: { ping: () => 1 } })
// @ts-expect-error a misspelt task
createWorker({ client, tasks: two, handlers: { ping: () => 1, resizeImage: () => 1, resizeImgae: () => 1 } })
// @ts-expect-error a field that the input does not have
createWorker({ client, tasks: { ping: tasks.ping }, handlers: { ping: ({ att }) => att } })
// @ts-expect-error a return that the output schema refuses
createWorker({ client, tasks: { r: tasks.generateReport }, handlers: { r: () => ({ url: 1, pages: 1 }) } })
// @ts-expect-error a misspelt queue
createWorker({ client, tasks: two, handlers: { ping: () => 1, resizeImage: () => 1 }, queues: { medai: {} } })
// @ts-expect-error a handler for another task
const wrong: Handler<typeof tasks.ping> = ({ key }) => key

// ── Connections, errors ──────────────────────────────────────────────────────────────────────────
// @ts-expect-error a pool is no transaction
client.with(new pg.Pool())
// @ts-expect-error a number is no connection
createClient(5432)
// @ts-expect-error env may be missing
createClient(process.env.DATABASE_URL)
// @ts-expect-error ids are strings
messageRef(tasks.ping, 42)
// @ts-expect-error an id alone names no message
await client.archive('42')
// @ts-expect-error a snooze says how long
new SnoozeError('later')
// @ts-expect-error with its unit
new RetryAfterError('later', { seconds: 5 })
// @ts-expect-error rows are text or null
const bad: SqlExecutor = { scope: 'pool', query: () => Promise.resolve([{ id: 1 }]) }
void wrong
void bad
