import { getEventListeners } from 'node:events'
import { describeDatabase, rejectionOf, startProxy, until, useTestDatabase } from '@pgmq/test-database'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createDriver } from '../src/driver.js'
import { quietSql, type Settings, type Sql } from './support/quiet-sql.js'
import { begin } from './support/transaction.js'

const SOON_MS = 100

describeDatabase('time-outs and aborts', () => {
  const database = useTestDatabase()
  const undo: (() => unknown)[] = []
  let looker: Sql

  beforeEach(() => {
    looker = quietSql(database.url, { max: 2 })
    undo.push(() => looker.end({ timeout: 1 }))
  })
  afterEach(async () => {
    for (const action of undo.splice(0).reverse()) await action()
  })

  /** One connection at most, so that the next statement would run on the same connection, were it not destroyed. */
  function poolOfOne(options: Settings = {}, url: string = database.url): Sql {
    const pool = quietSql(url, { max: 1, backoff: () => 0, ...options })
    undo.push(() => pool.end({ timeout: 1 }))
    return pool
  }

  async function isRunning(marker: string): Promise<boolean> {
    const rows = await looker`select from pg_stat_activity
      where state = 'active' and pid <> pg_backend_pid() and query like ${`%${marker}%`}`
    return rows.length > 0
  }

  it.each([{ fetch_types: true }, { fetch_types: false }, { prepare: false }])(
    'a statement that takes too long rejects as sent, and the pool gives a fresh connection after it (%j)',
    async (options) => {
      const { executor } = createDriver(poolOfOne(options))
      const [before] = await executor.query('select pg_backend_pid() as pid', [])
      const error = await rejectionOf(executor.query('select pg_sleep(60)', [], { timeoutMs: SOON_MS }))

      expect(error).toMatchObject({ sent: true, message: `no reply within ${SOON_MS} ms` })
      const [after] = await executor.query('select pg_backend_pid() as pid', [])
      expect(after?.pid).not.toBe(before?.pid)
    },
  )

  it('so does one on a connection string', async () => {
    const driver = createDriver(database.url)
    undo.push(() => driver.close?.())
    const error = await rejectionOf(driver.executor.query('select pg_sleep(60) /* by url */', [], { timeoutMs: 300 }))

    expect(error).toMatchObject({ sent: true })
    await until('the server has stopped it', async () => !(await isRunning('by url')))
    expect(await driver.executor.query('select 1 as one', [])).toEqual([{ one: '1' }])
  })

  it('an abort in mid-statement does the same', async () => {
    const { executor } = createDriver(poolOfOne())
    const controller = new AbortController()
    const reason = new Error('enough')
    const rejection = rejectionOf(executor.query('select pg_sleep(60) /* abort */', [], { signal: controller.signal }))
    await until('it runs', () => isRunning('abort'))
    controller.abort(reason)

    expect(await rejection).toMatchObject({ sent: true, cause: reason })
    expect(await executor.query('select 1 as one', [])).toEqual([{ one: '1' }])
  })

  it("a statement of the user's that comes right after is not hit by the request to cancel", async () => {
    const pool = poolOfOne()
    const { executor } = createDriver(pool)
    await executor.query('select 1', [])
    for (let i = 0; i < 40; i++) {
      const controller = new AbortController()
      const ours = executor.query('select pg_sleep(0.003)', [], { signal: controller.signal }).catch(() => {})
      const theirs = pool`select pg_sleep(0.005), ${i}::int as i`
      setTimeout(() => controller.abort(), (i % 10) * 0.7)

      expect(await theirs).toMatchObject([{ i }])
      await ours
    }
  })

  it('statements of the user and ours get their own replies while ours are given up', async () => {
    const pool = poolOfOne({ max: 2 })
    const { executor } = createDriver(pool)
    const all = Array.from({ length: 60 }, async (_, i) => {
      const theirs = await pool`select ${i}::int as i, pg_sleep(0.002)`
      expect(theirs).toMatchObject([{ i }])
      const ours = await executor
        .query('select $1::text as i, pg_sleep(0.005)', [i], { timeoutMs: 1 + (i % 12) })
        .catch(() => undefined)
      if (ours) expect(ours).toMatchObject([{ i: String(i) }])
      const unlimited = await executor.query('select $1::text as n', [i]).catch(({ sent }: { sent: boolean }) => sent)
      expect(unlimited).toEqual([{ n: String(i) }])
    })

    await Promise.all(all)
  })

  it('a statement behind one that the user pipelined before is given up, and stopped when its turn comes', async () => {
    const pool = poolOfOne({ fetch_types: false })
    const { executor } = createDriver(pool)
    await pool`select 1`
    // Without parameters, and so with room behind it on the same connection.
    const theirs = pool`select pg_sleep(0.5) /* in front */`.execute()
    await until('theirs runs', () => isRunning('in front'))
    const error = await rejectionOf(executor.query('select pg_sleep(60) /* behind */', [], { timeoutMs: SOON_MS }))

    expect(error).toMatchObject({ sent: true })
    expect(await theirs).toHaveLength(1)
    await until('ours has been stopped', async () => !(await isRunning('behind')))
    expect(await pool`select 1 as one`).toEqual([{ one: 1 }])
  })

  it('an abort just after the reply harms neither the result nor the connection', async () => {
    const { executor } = createDriver(poolOfOne())
    const controller = new AbortController()
    const pid = async (options = {}): Promise<unknown> =>
      (await executor.query('select pg_backend_pid() as pid', [], options))[0]?.pid
    const first = await pid({ signal: controller.signal })
    controller.abort()

    expect(first).toMatch(/^\d+$/)
    expect(await pid()).toBe(first)
  })

  it.each(['a pool', 'a reserved connection'])('the server is told to stop what was given up (%s)', async (kind) => {
    const driver = createDriver(poolOfOne())
    const reserved = kind === 'a pool' ? undefined : await driver.reserve?.()
    await looker`create table if not exists locked ()`
    const { tx, end } = await begin(looker)
    await tx`lock table locked`
    const { executor } = reserved ?? driver
    await rejectionOf(executor.query(`select from locked /* held up: ${kind} */`, [], { timeoutMs: SOON_MS }))

    await until('the server has stopped it', async () => !(await isRunning(`held up: ${kind}`)))
    await end()
    await reserved?.release()
  })

  it.each([{}, { fetch_types: false }])(
    'waiting for a connection of the pool counts as not sent, does not run, and the connection is not lost (%j)',
    async (options) => {
      const pool = poolOfOne(options)
      const { executor } = createDriver(pool)
      await pool`create table if not exists never (n int)`
      const held = await begin(pool)
      const late = await rejectionOf(executor.query('insert into never select 1', [], { timeoutMs: SOON_MS }))
      const controller = new AbortController()
      const waiting = rejectionOf(
        executor.query('insert into never select $1::text::int', ['2'], { signal: controller.signal }),
      )
      controller.abort()
      const aborted = await waiting
      await held.end()

      expect(late).toMatchObject({ sent: false, message: `no connection within ${SOON_MS} ms` })
      expect(aborted).toMatchObject({ sent: false })
      expect(await executor.query('select 1 as one', [])).toEqual([{ one: '1' }])
      expect(await pool`select * from never`).toEqual([])
    },
  )

  it('waiting for a connection of our own pool counts as not sent, and the connections are not lost', async () => {
    const driver = createDriver(database.url)
    undo.push(() => driver.close?.())
    const busy = Array.from({ length: 10 }, () => driver.executor.query('select pg_sleep(0.5)', []))
    const late = await rejectionOf(driver.executor.query('select 1', [], { timeoutMs: SOON_MS }))
    const patient = driver.executor.query('select 1 as one', [])
    await Promise.all(busy)

    expect(late).toMatchObject({ sent: false })
    expect(await patient).toEqual([{ one: '1' }])
  })

  it.each([{}, { fetch_types: false }])(
    'giving up while a connection is made does not lose it (%j)',
    async (options) => {
      const pool = poolOfOne(options)
      const { executor } = createDriver(pool)
      const controller = new AbortController()
      const rejection = rejectionOf(executor.query('select 1', [], { signal: controller.signal }))
      await Promise.resolve()
      controller.abort()

      expect(await rejection).toMatchObject({ sent: false })
      expect(await executor.query('select 2 as two', [])).toEqual([{ two: '2' }])
      expect(await pool`select 3 as three`).toEqual([{ three: 3 }])
    },
  )

  it('with a signal that was aborted before, nothing is opened', async () => {
    await using proxy = await startProxy(database.url)
    const signal = AbortSignal.abort()

    expect(
      await rejectionOf(createDriver(poolOfOne({}, proxy.url)).executor.query('select 1', [], { signal })),
    ).toMatchObject({ sent: false })
    expect(proxy.connections).toBe(0)
  })

  it.each(['a URL', 'an Sql'])(
    'a server that accepts and says nothing is noticed within the time-out (%s)',
    async (kind) => {
      await using proxy = await startProxy(database.url)
      proxy.freeze()
      const driver = createDriver(kind === 'a URL' ? proxy.url : poolOfOne({}, proxy.url))

      const error = await rejectionOf(driver.executor.query('select 1', [], { timeoutMs: SOON_MS }))
      expect(error).toMatchObject({ sent: false })
      await driver.close?.()
    },
  )

  it('a server that falls silent is noticed within the time-out', async () => {
    await using proxy = await startProxy(database.url)
    const driver = createDriver(poolOfOne({}, proxy.url))
    const own = createDriver(proxy.url)
    const reserved = await driver.reserve?.()
    await driver.executor.query('select 1', [])
    await own.executor.query('select 1', [])
    proxy.freeze()

    for (const executor of [driver.executor, reserved?.executor, own.executor]) {
      const error = await rejectionOf(executor?.query('select 1', [], { timeoutMs: SOON_MS }) as Promise<unknown>)
      expect(error).toMatchObject({ sent: true })
    }
    await reserved?.release()
    await own.close?.()
  })

  it('a reserved connection is of no further use after a time-out, and says so at once', async () => {
    const reserved = await createDriver(poolOfOne()).reserve?.()
    const query = (text: string, timeoutMs?: number): Promise<unknown> =>
      reserved?.executor.query(text, [], timeoutMs === undefined ? {} : { timeoutMs }) as Promise<unknown>
    const slow = rejectionOf(query('select pg_sleep(60)', SOON_MS))
    const behind = rejectionOf(query('select 1'))

    expect(await slow).toMatchObject({ sent: true })
    expect(await behind).toMatchObject({ sent: false })
    expect(await rejectionOf(query('select 1'))).toMatchObject({ sent: false })
  })

  it('what waits on a reserved connection may be given up, and the connection stays', async () => {
    const reserved = await createDriver(poolOfOne()).reserve?.()
    const controller = new AbortController()
    const first = reserved?.executor.query(`select pg_sleep(0.2), 'first' as name`, [])
    const second = rejectionOf(
      reserved?.executor.query('select 2', [], { signal: controller.signal }) as Promise<unknown>,
    )
    controller.abort()

    expect(await second).toMatchObject({ sent: false })
    expect(await first).toMatchObject([{ name: 'first' }])
    expect(await reserved?.executor.query('select 3 as three', [])).toEqual([{ three: '3' }])
    await reserved?.release()
  })

  describe("on a caller's connection", () => {
    it('the statement is stopped by the server, and the transaction rolls back', async () => {
      const pool = poolOfOne()
      const { executorFor } = createDriver(pool)
      const error = await rejectionOf(
        pool.begin(async (tx) => {
          await executorFor?.(tx).query('select pg_sleep(60)', [], { timeoutMs: SOON_MS })
        }),
      )

      expect(error).toMatchObject({ code: '57014' })
      expect(await pool`select 1 as one`).toEqual([{ one: 1 }])
    })

    it('the connection can be used again after a rollback to a savepoint', async () => {
      const pool = poolOfOne()
      const { executorFor } = createDriver(pool)
      const rows = await pool.begin(async (tx) => {
        const stopped = tx.savepoint(async (inner) => {
          await executorFor?.(inner).query('select pg_sleep(60)', [], { timeoutMs: SOON_MS })
        })
        expect(await rejectionOf(stopped)).toMatchObject({ code: '57014' })
        return await executorFor?.(tx).query('select 1 as one', [])
      })

      expect(rows).toEqual([{ one: '1' }])
    })

    it('a reserved connection of the user is free again', async () => {
      const pool = poolOfOne()
      const held = await pool.reserve()
      const executor = createDriver(pool).executorFor?.(held)
      const error = await rejectionOf(
        executor?.query('select pg_sleep(60)', [], { timeoutMs: SOON_MS }) as Promise<unknown>,
      )

      expect(error).toMatchObject({ code: '57014' })
      expect(await executor?.query('select 1 as one', [])).toEqual([{ one: '1' }])
      held.release()
      expect(await pool`select 1 as one`).toEqual([{ one: 1 }])
    })

    it('what waits behind a statement of the user in the same transaction is not sent, and does not run', async () => {
      const pool = poolOfOne()
      await pool`create table if not exists never_in_tx (n int)`
      const { executorFor } = createDriver(pool)
      await pool.begin(async (tx) => {
        const theirs = tx`select pg_sleep(0.3), ${1}::int`.execute()
        const error = await rejectionOf(
          executorFor?.(tx).query('insert into never_in_tx select 1', [], { timeoutMs: SOON_MS }) as Promise<unknown>,
        )
        expect(error).toMatchObject({ sent: false })
        await theirs
      })

      expect(await pool`select * from never_in_tx`).toEqual([])
    })

    it('the connection is cut where the server does not answer, and refuses from then on', async () => {
      await using proxy = await startProxy(database.url)
      const pool = poolOfOne({}, proxy.url)
      const held = await pool.reserve()
      const { executor } = createDriver(held)
      await executor.query('select 1', [])
      proxy.freeze()

      expect(await rejectionOf(executor.query('select 1', [], { timeoutMs: SOON_MS }))).toMatchObject({ sent: true })
      expect(await rejectionOf(executor.query('select 1', []))).toMatchObject({ sent: false })
    })
  })

  it('leaves no timer and no listener behind', async () => {
    const { executor } = createDriver(poolOfOne())
    const { signal } = new AbortController()
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    await executor.query('select 1', [])
    const before = timers()
    await executor.query('select 1', [], { timeoutMs: 3_600_000, signal })
    await rejectionOf(executor.query('select 1/0', [], { timeoutMs: 3_600_000, signal }))

    expect(timers()).toBeLessThanOrEqual(before)
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })
})
