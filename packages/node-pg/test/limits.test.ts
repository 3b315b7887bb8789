import { getEventListeners } from 'node:events'
import { describeDatabase, rejectionOf, startProxy, until, useTestDatabase } from '@pgmq/test-database'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createDriver } from '../src/driver.js'
import { quietPool } from './support/quiet-pool.js'

const SOON_MS = 100

describeDatabase('time-outs and aborts', () => {
  const database = useTestDatabase()
  const undo: (() => unknown)[] = []
  let looker: pg.Client

  beforeEach(async () => {
    looker = new pg.Client(database.url)
    await looker.connect()
    undo.push(() => looker.end())
  })
  afterEach(async () => {
    for (const action of undo.splice(0).reverse()) await action()
  })

  /** One client at most, so that the next statement would run on the same connection, were it not destroyed. */
  function poolOfOne(options: pg.PoolConfig = {}): pg.Pool {
    const pool = quietPool({ connectionString: database.url, max: 1, ...options })
    undo.push(() => pool.end())
    return pool
  }

  async function isRunning(marker: string): Promise<boolean> {
    const { rows } = await looker.query(
      `select from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and query like '%' || $1 || '%'`,
      [marker],
    )
    return rows.length > 0
  }

  it('a statement that takes too long rejects as sent, and the pool gives a fresh connection after it', async () => {
    const { executor } = createDriver(poolOfOne())
    const [before] = await executor.query('select pg_backend_pid() as pid', [])
    const error = await rejectionOf(executor.query('select pg_sleep(60)', [], { timeoutMs: SOON_MS }))

    expect(error).toMatchObject({ sent: true, message: `no reply within ${SOON_MS} ms` })
    const [after] = await executor.query('select pg_backend_pid() as pid', [])
    expect(after?.pid).not.toBe(before?.pid)
  })

  it('an abort in mid-statement does the same', async () => {
    const pool = poolOfOne()
    const { executor } = createDriver(pool)
    const controller = new AbortController()
    const reason = new Error('enough')
    const rejection = rejectionOf(executor.query('select pg_sleep(60) /* abort */', [], { signal: controller.signal }))
    await until('it runs', () => isRunning('abort'))
    controller.abort(reason)

    expect(await rejection).toMatchObject({ sent: true, cause: reason })
    expect(await executor.query('select 1 as one', [])).toEqual([{ one: '1' }])
  })

  it('an abort just after the reply harms neither the result nor the connection', async () => {
    const pool = poolOfOne()
    const { executor } = createDriver(pool)
    const controller = new AbortController()
    const pid = async (options = {}): Promise<unknown> =>
      (await executor.query('select pg_backend_pid() as pid', [], options))[0]?.pid
    pool.once('release', () => controller.abort())
    const first = await pid({ signal: controller.signal })

    expect(first).toMatch(/^\d+$/)
    expect(await pid()).toBe(first)
  })

  it.each(['a pool', 'a reserved connection'])('the server is told to stop what was given up (%s)', async (kind) => {
    const driver = createDriver(poolOfOne())
    const reserved = kind === 'a pool' ? undefined : await driver.reserve?.()
    const locker = new pg.Client(database.url)
    await locker.connect()
    undo.push(() => locker.end())
    await locker.query('create table if not exists locked (); begin; lock table locked')
    const { executor } = reserved ?? driver
    await rejectionOf(executor.query(`select from locked /* held up: ${kind} */`, [], { timeoutMs: SOON_MS }))

    await until('the server has stopped it', async () => !(await isRunning(`held up: ${kind}`)))
    await reserved?.release()
  })

  it('waiting for a client of the pool counts as not sent, and the client is not lost', async () => {
    const pool = poolOfOne()
    const { executor } = createDriver(pool)
    const held = await pool.connect()
    const late = await rejectionOf(executor.query('select 1', [], { timeoutMs: SOON_MS }))
    const controller = new AbortController()
    const waiting = rejectionOf(executor.query('select 1', [], { signal: controller.signal }))
    controller.abort()
    const aborted = await waiting
    held.release()

    expect(late).toMatchObject({ sent: false, message: `no connection within ${SOON_MS} ms` })
    expect(aborted).toMatchObject({ sent: false })
    expect(await executor.query('select 1 as one', [])).toEqual([{ one: '1' }])
    expect(pool.totalCount).toBe(1)
  })

  it('with a signal that was aborted before, nothing is opened', async () => {
    const pool = poolOfOne()
    const signal = AbortSignal.abort()

    expect(await rejectionOf(createDriver(pool).executor.query('select 1', [], { signal }))).toMatchObject({
      sent: false,
    })
    expect(pool.totalCount).toBe(0)
  })

  it('a server that accepts and says nothing is noticed within the time-out', async () => {
    await using proxy = await startProxy(database.url)
    proxy.freeze()
    const driver = createDriver(proxy.url)

    const error = await rejectionOf(driver.executor.query('select 1', [], { timeoutMs: SOON_MS }))
    expect(error).toMatchObject({ sent: false })
  })

  it('a server that falls silent is noticed within the time-out', async () => {
    await using proxy = await startProxy(database.url)
    const pool = poolOfOne({ connectionString: proxy.url })
    const driver = createDriver(pool)
    const reserved = await driver.reserve?.()
    await driver.executor.query('select 1', [])
    proxy.freeze()

    for (const executor of [driver.executor, reserved?.executor]) {
      const error = await rejectionOf(executor?.query('select 1', [], { timeoutMs: SOON_MS }) as Promise<unknown>)
      expect(error).toMatchObject({ sent: true })
    }
    await reserved?.release()
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
    it('the statement is stopped by the server, and the transaction can be rolled back', async () => {
      const pool = poolOfOne()
      const tx = await pool.connect()
      await tx.query('begin')
      const executor = createDriver(pool).executorFor?.(tx)
      const error = await rejectionOf(
        executor?.query('select pg_sleep(60)', [], { timeoutMs: SOON_MS }) as Promise<unknown>,
      )

      expect(error).toMatchObject({ code: '57014' })
      await tx.query('rollback')
      expect((await tx.query('select 1 as one')).rows).toEqual([{ one: 1 }])
      tx.release()
    })

    it('the connection is cut where the server does not answer, without ending the process', async () => {
      await using proxy = await startProxy(database.url)
      const client = new pg.Client(proxy.url)
      await client.connect()
      const { executor } = createDriver(client)
      proxy.freeze()

      expect(await rejectionOf(executor.query('select 1', [], { timeoutMs: SOON_MS }))).toMatchObject({ sent: true })
      await until('pg has noticed', async () => {
        return (await rejectionOf(executor.query('select 1', [], { timeoutMs: SOON_MS }))).sent === false
      })
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
