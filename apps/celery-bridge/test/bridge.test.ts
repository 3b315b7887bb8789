import { readFileSync } from 'node:fs'
import { createClient, type JsonObject, type JsonValue, type PgmqClient } from '@pgmq/node-pg'
import { countOf, describeDatabase, query, until, useTestDatabase } from '@pgmq/test-database'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest'
import { Bridge, type BridgeOptions } from '../src/bridge/bridge.js'
import type { Route } from '../src/bridge/define-routes.js'
import { pickText } from '../src/bridge/kombu-queue.js'
import { type CeleryMessage, celeryMessage } from '../src/celery/message.js'
import type { Log } from '../src/log.js'
import { routes } from '../src/routes.js'

const WELCOME = 'app.tasks.send_welcome_email'
const never = new AbortController().signal
const addressOf = (n: number): string => `user${n}@example.com`

describeDatabase('the bridge', () => {
  const database = useTestDatabase()
  let pool: pg.Pool
  let client: PgmqClient
  let said: string[]

  beforeAll(async () => {
    pool = new pg.Pool({ connectionString: database.url, max: 6 })
    pool.on('error', () => undefined)
    client = createClient(pool)
    for (const queue of ['celery', 'user_tasks', 'reports']) await client.queues.create(queue)
  })
  beforeEach(async () => {
    said = []
    for (const queue of ['celery', 'celery_dlq', 'user_tasks', 'reports']) await client.queues.purge(queue)
    await query(database.url, 'truncate pgmq.a_celery')
  })
  afterAll(async () => {
    await client.close()
    await pool.end()
  })

  function bridgeWith(options: Partial<BridgeOptions> = {}): Bridge {
    const say = (_fields: object, message: string): void => void said.push(message)
    const log: Log = { debug: say, info: say, warn: say, error: say }
    const usual = { pool, log, routes, queues: ['celery'], wholeQueue: false, batchSize: 100, pollIntervalMs: 20 }
    return new Bridge({ ...usual, ...options })
  }
  const sweep = async (options?: Partial<BridgeOptions>): Promise<Bridge> => {
    const bridge = bridgeWith(options)
    await bridge.prepare()
    await bridge.sweep(never)
    return bridge
  }
  const put = async (...messages: readonly JsonValue[]): Promise<void> => {
    for (const message of messages)
      await query(database.url, `select pgmq.send('celery', $1::jsonb)`, [JSON.stringify(message)])
  }
  const call = (task: string, args: JsonValue[], more: Partial<CeleryMessage> = {}): JsonObject =>
    celeryMessage({ queue: 'celery', task, args, ...more })
  const welcome = (n: number, more?: Partial<CeleryMessage>): JsonObject =>
    call(WELCOME, [addressOf(n), `User ${n}`], more)
  const withHeader = (message: JsonObject, headers: JsonObject): JsonObject => ({
    ...message,
    headers: { ...(message.headers as JsonObject), ...headers },
  })
  const jobs = () =>
    query<{ message: JsonObject; headers: JsonObject; vt: Date }>(
      database.url,
      'select message, headers, vt from pgmq.q_user_tasks order by msg_id',
    )
  const stays = () =>
    query<{ message: JsonObject; read_ct: number }>(
      database.url,
      'select message, read_ct from pgmq.q_celery order by msg_id',
    )

  it("moves a call to its task's queue, with what arguments mean there", async () => {
    await put(welcome(1, { id: 'the id' }), call('app.tasks.build_report', [7], { kwargs: { since: '2026-01-02' } }))
    const { tally } = await sweep()
    expect(tally).toEqual({ moved: 2, expired: 0, deadLettered: 0, left: 0 })
    expect(await jobs()).toMatchObject([
      {
        message: { task: 'send_welcome_email', email: addressOf(1), username: 'User 1' },
        headers: { 'celery-id': 'the id' },
      },
    ])
    expect(await query(database.url, 'select message from pgmq.q_reports')).toEqual([
      { message: { task: 'build_report', accountId: 7, since: '2026-01-02' } },
    ])
    expect(await stays()).toEqual([])
    expect(await countOf(database.url, 'pgmq.a_celery')).toBe(0)
  })

  it('makes of an eta the time at which the job is due', async () => {
    await put(withHeader(welcome(1), { eta: '2099-01-02T03:04:05.123456+00:00' }))
    await sweep()
    expect((await jobs())[0]?.vt).toEqual(new Date('2099-01-02T03:04:05.123Z'))
  })

  it('archives what has expired, by the clock of the database', async () => {
    const [row] = await query<{ soon: Date; past: Date }>(
      database.url,
      `select now() + interval '1 hour' soon, now() - interval '1 s' past`,
    )
    await put(welcome(1, { expires: row?.past as Date }), welcome(2, { expires: row?.soon as Date }))
    const { tally } = await sweep()
    expect(tally).toMatchObject({ moved: 1, expired: 1 })
    expect(await jobs()).toMatchObject([{ headers: { 'celery-expires': row?.soon.toISOString() } }])
    expect(await countOf(database.url, 'pgmq.a_celery')).toBe(1)
    expect(said).toContain('expired, and archived')
  })

  it('does not touch what is not in the table, nor what a Python worker holds', async () => {
    await put(welcome(1))
    await query(database.url, `select pgmq.read('celery', 30, 1)`)
    await put(call('app.tasks.other', []), ['no envelope'], 17, { headers: 'none' })
    const { tally } = await sweep()
    expect(tally).toEqual({ moved: 0, expired: 0, deadLettered: 0, left: 0 })
    expect((await stays()).map(({ read_ct }) => read_ct)).toEqual([1, 0, 0, 0, 0])
  })

  const refused: readonly JsonObject[] = [
    { ...welcome(1), body: '%%%' },
    { ...welcome(1), 'content-type': 'application/x-python-serialize' },
    call(WELCOME, ['no address', 'Ada']),
    call(WELCOME, ['ada@example.com', 'Ada', 'too much']),
    call(WELCOME, ['ada@example.com', 'half a pair \ud800']),
    { ...welcome(1), body: Buffer.from(JSON.stringify([[], {}, { chain: [{}] }])).toString('base64') },
  ]

  it('leaves to Python, on a shared queue, what it cannot make a job of, and moves what is behind it', async () => {
    await put(...refused, welcome(2))
    const bridge = await sweep({ batchSize: 2 })
    expect(bridge.tally).toEqual({ moved: 1, expired: 0, deadLettered: 0, left: refused.length })
    expect(await stays()).toEqual(refused.map((message) => ({ message, read_ct: 0 })))
    const told = said.filter((line) => line.startsWith('left to Celery'))
    expect(told).toHaveLength(refused.length)
    await bridge.sweep(never)
    expect(said.filter((line) => line.startsWith('left to Celery'))).toEqual(told)
  })

  it('dead-letters, of a whole queue, what it cannot make a job of; redriven, it comes again', async () => {
    await put(...refused, call('app.tasks.other', []), 17, welcome(2))
    const { tally } = await sweep({ wholeQueue: true, batchSize: 2 })
    expect(tally).toEqual({ moved: 1, expired: 0, deadLettered: refused.length + 2, left: 0 })
    expect(await stays()).toEqual([])
    const { items: letters } = await client.deadLetters.list('celery')
    const items = letters.toSorted((a, b) => Number(a.originalId) - Number(b.originalId))
    expect(items.map(({ reason }) => reason)).toEqual([
      ...refused.map(() => 'invalid_input'),
      'unknown_task',
      'invalid_input',
    ])
    expect(items.map(({ body }) => body)).toEqual([...refused, expect.objectContaining({}), 17])
    expect(items[2]?.error).toContain('email: Invalid email address')
    expect(items[3]?.error).toContain('takes 2 arguments, got 3')

    const { redriven } = await client.deadLetters.redrive('celery', { reason: 'unknown_task' })
    expect(redriven).toBe(1)
    const other: Route = { ...(routes.get(WELCOME) as Route), input: () => welcomeInput }
    await sweep({ wholeQueue: true, routes: new Map([...routes, ['app.tasks.other', other]]) })
    expect((await jobs()).map(({ message }) => message.email)).toEqual([addressOf(2), welcomeInput.email])
  })
  const welcomeInput = { email: 'other@example.com', username: 'Other' }

  it('moves a batch whole or not at all, and tries again', async () => {
    await query(
      database.url,
      `create function refuse() returns trigger language plpgsql as $$ begin
         if new.message->>'email' = '${addressOf(3)}' then raise 'not this one'; end if; return new; end $$;
       create trigger refuse before insert on pgmq.q_user_tasks for each row execute function refuse()`,
    )
    onTestFinished(async () => void (await query(database.url, 'drop function refuse cascade')))
    await put(...[1, 2, 3, 4].map((n) => welcome(n)))
    const bridge = bridgeWith()
    await bridge.prepare()
    await expect(bridge.sweep(never)).rejects.toThrow('not this one')
    expect(await jobs()).toEqual([])
    expect((await stays()).map(({ read_ct }) => read_ct)).toEqual([0, 0, 0, 0])

    const stop = new AbortController()
    const running = bridge.run(stop.signal)
    await until('it has failed again', () => said.includes('could not move jobs, and tries again'))
    await query(database.url, 'drop trigger refuse on pgmq.q_user_tasks')
    await until('all are moved', async () => (await jobs()).length === 4)
    stop.abort()
    await running
    expect(await stays()).toEqual([])
  })

  it('shares the work with others of its kind: each job is moved once', async () => {
    const messages = Array.from({ length: 600 }, (_, n) => welcome(n))
    await client.enqueueMany('celery', messages)
    const bridges = [bridgeWith({ batchSize: 7 }), bridgeWith({ batchSize: 7 })]
    const stop = new AbortController()
    const running = bridges.map((bridge) => bridge.run(stop.signal))
    await until('all are moved', async () => (await stays()).length === 0)
    stop.abort()
    await Promise.all(running)
    const emails = (await jobs()).map(({ message }) => message.email)
    expect(emails).toHaveLength(600)
    expect(new Set(emails).size).toBe(600)
    for (const { tally } of bridges) expect(tally.moved).toBeGreaterThan(0)
  })

  it('creates the queues that are missing, on both sides', async () => {
    await sweep({ queues: ['fresh'], wholeQueue: true })
    const names = (await client.queues.list()).map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining(['fresh', 'fresh_dlq', 'user_tasks', 'user_tasks_dlq']))
  })

  it("gives this library's queues their prefix, and Kombu's none", async () => {
    await put(welcome(1))
    await sweep({ queuePrefix: 'unison' })
    expect(await countOf(database.url, 'pgmq.q_unison_user_tasks')).toBe(1)
    expect(await stays()).toEqual([])
  })

  it('is as its README shows it: the table, and the index on names of tasks', async () => {
    const read = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')
    const [, route = ''] = /```ts\n([\s\S]*?)```/.exec(read('README.md')) ?? []
    for (const line of route.trim().split('\n')) expect(read('src/routes.ts')).toContain(line.trim())

    const [, index = ''] = /```sql\n([\s\S]*?)```/.exec(read('README.md')) ?? []
    await query(database.url, index)
    await client.enqueueMany(
      'celery',
      Array.from({ length: 3_000 }, () => call('app.tasks.other', [])),
    )
    await query(database.url, 'analyze pgmq.q_celery')
    const plan = await query(database.url, `explain ${pickText('celery')}`, ['0', [WELCOME], 100])
    expect(JSON.stringify(plan)).toContain("Index Cond: (((message -> 'headers'::text) ->> 'task'::text)")
  })
})
