import { once } from 'node:events'
import { createServer } from 'node:net'
import { describeDatabase, rejectionOf, startProxy, until, useTestDatabase } from '@pgmq/test-database'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createDriver } from '../src/driver.js'
import { quietSql, type Settings, type Sql } from './support/quiet-sql.js'
import { begin } from './support/transaction.js'

const NOWHERE = 'postgres://nobody@127.0.0.1:1/nothing'

describeDatabase('failures', () => {
  const database = useTestDatabase()
  const undo: (() => unknown)[] = []
  let looker: Sql

  beforeEach(() => {
    looker = quietSql(database.url, { max: 1 })
    undo.push(() => looker.end({ timeout: 1 }))
  })
  afterEach(async () => {
    for (const action of undo.splice(0).reverse()) await action()
  })

  function poolOf(options: Settings = {}, url: string = database.url): Sql {
    const pool = quietSql(url, { backoff: () => 0, ...options })
    undo.push(() => pool.end({ timeout: 1 }))
    return pool
  }

  async function running(marker: string): Promise<number> {
    let pid: number | undefined
    await until(`"${marker}" is running`, async () => {
      const rows = await looker`select pid from pg_stat_activity
        where state = 'active' and pid <> pg_backend_pid() and query like ${`%${marker}%`}`
      pid = rows[0]?.pid
      return pid !== undefined
    })
    return pid as number
  }

  async function terminate(pid: unknown): Promise<void> {
    await looker`select pg_terminate_backend(${Number(pid)})`
  }

  describe('before a statement is sent', () => {
    it.each(['a URL', 'an Sql', 'a reserved connection'])(
      'a refused connection rejects as not sent (%s)',
      async (kind) => {
        const driver = createDriver(kind === 'a URL' ? NOWHERE : poolOf({}, NOWHERE))
        const error = await rejectionOf(
          kind === 'a reserved connection'
            ? (driver.reserve?.() as Promise<unknown>)
            : driver.executor.query('select 1', []),
        )

        expect(error).toMatchObject({ sent: false, message: expect.stringContaining('ECONNREFUSED') })
        expect(error.code).toBeUndefined()
        expect(error.cause).toMatchObject({ code: 'ECONNREFUSED' })
      },
    )

    it.each([
      ['a wrong database', '3D000', (url: URL) => Object.assign(url, { pathname: '/no_such_database' })],
      ['a wrong user', '28', (url: URL) => Object.assign(url, { username: 'no_such_role', password: 'x' })],
    ])('%s keeps its SQLSTATE, and is not sent', async (_what, code, change) => {
      const { href } = change(new URL(database.url))
      for (const connection of [href, poolOf({}, href)]) {
        const driver = createDriver(connection)
        const error = await rejectionOf(driver.executor.query('select 1', []))
        await driver.close?.()

        expect(error).toMatchObject({ sent: false, code: expect.stringMatching(new RegExp(`^${code}`)) })
      }
    })

    it('too many connections keep their SQLSTATE, and are not sent', async () => {
      await looker.unsafe(`create role few login password 'few' connection limit 0`)
      const url = Object.assign(new URL(database.url), { username: 'few', password: 'few' })
      const driver = createDriver(url.href)
      const error = await rejectionOf(driver.executor.query('select 1', []))
      const reserving = await rejectionOf(driver.reserve?.() as Promise<unknown>)
      await driver.close?.()
      await looker`drop role few`

      expect(error).toMatchObject({ sent: false, code: '53300' })
      expect(reserving).toMatchObject({ sent: false, code: '53300' })
    })

    it('an ended pool rejects as not sent', async () => {
      const pool = quietSql(database.url)
      await pool.end()

      expect(await rejectionOf(createDriver(pool).executor.query('select 1', []))).toMatchObject({ sent: false })
    })

    it('a server that closes the connection at once rejects as not sent', async () => {
      const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as { port: number }
      const error = await rejectionOf(createDriver(`postgres://a@127.0.0.1:${port}/b`).executor.query('select 1', []))
      server.close()

      expect(error).toMatchObject({ sent: false, message: 'the server closed the connection' })
    })

    it('a connection string that is none rejects at the first statement, and its password is not told', async () => {
      const error = await rejectionOf(createDriver('postgres://me:secret@host:port/app').executor.query('select 1', []))

      expect(error).toMatchObject({ sent: false })
      expect(JSON.stringify([error.message, error.cause ?? null])).not.toContain('secret')
    })

    it('a transaction whose connection broke before refuses, instead of writing to whatever took its place', async () => {
      const pool = poolOf({ max: 1 })
      const { executorFor } = createDriver(pool)
      const { tx, end } = await begin(pool)
      const executor = executorFor?.(tx)
      const [row] = (await executor?.query('select pg_backend_pid() as pid', [])) ?? []
      await terminate(row?.pid)
      await until('the pool has another connection', async () => {
        return await pool`select 1`.then(
          () => true,
          () => false,
        )
      })

      expect(await rejectionOf(executor?.query('create table outside ()', []) as Promise<unknown>)).toMatchObject({
        sent: false,
      })
      expect(await pool`select to_regclass('outside') as outside`).toEqual([{ outside: null }])
      expect(await end()).toMatchObject({ code: 'CONNECTION_CLOSED' })
    })
  })

  describe('after a statement is sent', () => {
    it.each(['a URL', 'an Sql'])(
      'a terminated backend rejects, and the pool goes on with another (%s)',
      async (kind) => {
        const driver = createDriver(kind === 'a URL' ? database.url : poolOf({ max: 1 }))
        const rejection = rejectionOf(driver.executor.query(`select pg_sleep(60) /* to be terminated, ${kind} */`, []))
        await terminate(await running(`to be terminated, ${kind}`))

        // `postgres` keeps the server's reason, 57P01, to itself, and may tell it to whoever comes next.
        expect(await rejection).toMatchObject({ sent: true })
        const next = (): Promise<unknown> => driver.executor.query('select 1 as one', [])
        expect(await next().catch(({ sent }: { sent: boolean }) => (sent ? undefined : next()))).toEqual([{ one: '1' }])
        await driver.close?.()
      },
    )

    it('a cancelled statement rejects with its SQLSTATE', async () => {
      const { executor } = createDriver(poolOf())
      const rejection = rejectionOf(executor.query('select pg_sleep(60) /* to be cancelled */', []))
      await looker`select pg_cancel_backend(${await running('to be cancelled')})`

      expect(await rejection).toMatchObject({ code: '57014' })
    })

    it.each(['a URL', 'an Sql', 'a ReservedSql', 'a reserved connection'])(
      'a connection cut in mid-statement rejects as sent (%s)',
      async (kind) => {
        await using proxy = await startProxy(database.url)
        const pool = poolOf({}, proxy.url)
        const held = kind === 'a ReservedSql' ? await pool.reserve() : undefined
        const driver = createDriver(kind === 'a URL' ? proxy.url : (held ?? pool))
        const reserved = kind === 'a reserved connection' ? await driver.reserve?.() : undefined
        const { executor } = reserved ?? driver
        const rejection = rejectionOf(executor.query(`select pg_sleep(60) /* cut: ${kind} */`, []))
        const orphan = await running(`cut: ${kind}`)
        proxy.cut()
        const error = await rejection

        expect(error).toMatchObject({ sent: true, cause: expect.any(Error) })
        expect(error.code).toBeUndefined()
        await terminate(orphan)
        if (kind === 'a URL' || kind === 'an Sql') {
          expect(await executor.query('select 1 as one', [])).toEqual([{ one: '1' }])
        } else {
          expect(await rejectionOf(executor.query('select 1', []))).toMatchObject({ sent: false })
        }
        await driver.close?.()
      },
    )

    it('what waited behind a statement that was cut off rejects as not sent', async () => {
      await using proxy = await startProxy(database.url)
      const reserved = await createDriver(poolOf({}, proxy.url)).reserve?.()
      const first = rejectionOf(reserved?.executor.query('select pg_sleep(60) /* in front */', []) as Promise<unknown>)
      const second = rejectionOf(reserved?.executor.query('select 1', []) as Promise<unknown>)
      const orphan = await running('in front')
      proxy.cut()

      expect(await first).toMatchObject({ sent: true })
      expect(await second).toMatchObject({ sent: false })
      expect(await rejectionOf(reserved?.executor.query('select 1', []) as Promise<unknown>)).toMatchObject({
        sent: false,
      })
      await terminate(orphan)
    })

    it("what waits behind a statement of the user's in a transaction does not wait for ever when that is cut off", async () => {
      await using proxy = await startProxy(database.url)
      const pool = poolOf({}, proxy.url)
      const held = await pool.reserve()
      const { executor } = createDriver(held)
      await executor.query('select 1', [])
      const theirs = rejectionOf(held`select pg_sleep(60), ${'held and cut'}::text`)
      const orphan = await running('pg_sleep(60), $1')
      const ours = rejectionOf(executor.query('select 1', []))
      proxy.cut()

      await theirs
      expect(await ours).toMatchObject({ sent: false })
      await terminate(orphan)
    })

    it('a server that became a standby gets no second statement on the same connection', async () => {
      const pool = poolOf({ connection: { default_transaction_read_only: true } })
      const reserved = await createDriver(pool).reserve?.()

      expect(await rejectionOf(reserved?.executor.query('create table t ()', []) as Promise<unknown>)).toMatchObject({
        code: '25006',
      })
      expect(await rejectionOf(reserved?.executor.query('select 1', []) as Promise<unknown>)).toMatchObject({
        sent: false,
      })
    })

    it('a read-only transaction of the user is no reason to refuse the next statement', async () => {
      const pool = poolOf()
      const rows = await pool.begin('read only', async (tx) => {
        const executor = createDriver(pool).executorFor?.(tx)
        await executor?.query('savepoint before', [])
        await tx.savepoint(async () => {}).catch(() => {})
        return await executor?.query('select 1 as one', [])
      })

      expect(rows).toEqual([{ one: '1' }])
    })

    it('an idle connection of our own pool may break without ending the process', async () => {
      await using proxy = await startProxy(database.url)
      const driver = createDriver(proxy.url)
      await driver.executor.query('select 1', [])
      proxy.cut()
      await until('the connection is gone', () => proxy.connections === 0)

      await until('the pool has noticed', async () => {
        return driver.executor.query('select 1', []).then(
          () => true,
          () => false,
        )
      })
      await driver.close?.()
    })
  })
})
