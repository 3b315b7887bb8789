import { once } from 'node:events'
import { createServer } from 'node:net'
import { describeDatabase, rejectionOf, startProxy, until, useTestDatabase } from '@pgmq/test-database'
import pg from 'pg'
import { afterEach, describe, expect, it } from 'vitest'
import { createDriver } from '../src/driver.js'
import { quietPool } from './support/quiet-pool.js'

const NOWHERE = 'postgres://nobody@127.0.0.1:1/nothing'

describeDatabase('failures', () => {
  const database = useTestDatabase()
  const undo: (() => unknown)[] = []
  afterEach(async () => {
    for (const action of undo.splice(0).reverse()) await action()
  })

  function poolOf(options: pg.PoolConfig = {}): pg.Pool {
    const pool = quietPool({ connectionString: database.url, ...options })
    undo.push(() => pool.end())
    return pool
  }

  /** A connection for looking at the others. */
  async function observer(): Promise<pg.Client> {
    const client = new pg.Client(database.url)
    await client.connect()
    undo.push(() => client.end())
    return client
  }

  async function pidOf(looker: pg.Client, marker: string): Promise<number | undefined> {
    const { rows } = await looker.query(
      `select pid from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and query like '%' || $1 || '%'`,
      [marker],
    )
    return rows[0]?.pid
  }

  async function running(looker: pg.Client, marker: string): Promise<number> {
    let pid: number | undefined
    await until(`"${marker}" is running`, async () => {
      pid = await pidOf(looker, marker)
      return pid !== undefined
    })
    return pid as number
  }

  it('a connection that is terminated in the moment in which it opens ends no process', async () => {
    const looker = await observer()
    // All that the server says comes at once, as to a process that was busy meanwhile.
    const held: Buffer[] = []
    const reply = (chunk: Buffer): Buffer => {
      held.push(chunk)
      return chunk.includes('57P01') ? Buffer.concat(held) : Buffer.alloc(0)
    }
    const proxy = await startProxy(database.url, { reply: () => reply })
    undo.push(() => proxy[Symbol.asyncDispose]())
    const pool = poolOf({ connectionString: proxy.url, application_name: 'opening' })
    const rejection = rejectionOf(createDriver(pool).executor.query('select 1', []))
    await until('terminated', async () => {
      const { rows } = await looker.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'opening' and state = 'idle'`,
      )
      return rows.length > 0
    })
    expect(await rejection).toMatchObject({ sent: expect.any(Boolean) })
  })

  describe('before a statement is sent', () => {
    it.each(['a URL', 'a Pool', 'a reserved connection'])(
      'a refused connection rejects as not sent (%s)',
      async (kind) => {
        const pool = quietPool({ connectionString: NOWHERE })
        const driver = createDriver(kind === 'a Pool' || kind.startsWith('a reserved') ? pool : NOWHERE)
        const error = await rejectionOf(
          kind.startsWith('a reserved')
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
      const driver = createDriver(change(new URL(database.url)).href)
      const error = await rejectionOf(driver.executor.query('select 1', []))
      await driver.close?.()

      expect(error).toMatchObject({ sent: false, code: expect.stringMatching(new RegExp(`^${code}`)) })
    })

    it('too many connections keep their SQLSTATE, and are not sent', async () => {
      const looker = await observer()
      await looker.query(`create role few login password 'few' connection limit 0`)
      const url = Object.assign(new URL(database.url), { username: 'few', password: 'few' })
      const driver = createDriver(url.href)
      const error = await rejectionOf(driver.executor.query('select 1', []))
      const reserving = await rejectionOf(driver.reserve?.() as Promise<unknown>)
      await driver.close?.()
      await looker.query('drop role few')

      expect(error).toMatchObject({ sent: false, code: '53300' })
      expect(reserving).toMatchObject({ sent: false, code: '53300' })
    })

    it('an exhausted pool rejects as not sent', async () => {
      const pool = poolOf({ max: 1 })
      const held = await pool.connect()
      // From here on alone: to connect may take longer.
      pool.options.connectionTimeoutMillis = 50
      const error = await rejectionOf(createDriver(pool).executor.query('select 1', []))
      held.release()

      expect(error).toMatchObject({ sent: false, message: 'timeout exceeded when trying to connect' })
    })

    it('an ended pool rejects as not sent', async () => {
      const pool = quietPool({ connectionString: database.url })
      await pool.end()

      expect(await rejectionOf(createDriver(pool).executor.query('select 1', []))).toMatchObject({ sent: false })
    })

    it('an ended Client rejects as not sent', async () => {
      const client = new pg.Client(database.url)
      await client.connect()
      await client.end()

      expect(await rejectionOf(createDriver(client).executor.query('select 1', []))).toMatchObject({ sent: false })
    })

    it('a broken Client rejects as not sent', async () => {
      await using proxy = await startProxy(database.url)
      const client = new pg.Client(proxy.url)
      await client.connect()
      let broken = false
      client.on('error', () => {
        broken = true
      })
      proxy.cut()
      await until('the client knows', () => broken)

      expect(await rejectionOf(createDriver(client).executor.query('select 1', []))).toMatchObject({
        sent: false,
        message: expect.stringContaining('is not queryable'),
      })
    })

    it('a server that closes the connection at once rejects as not sent', async () => {
      const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as { port: number }
      const error = await rejectionOf(createDriver(`postgres://a@127.0.0.1:${port}/b`).executor.query('select 1', []))
      server.close()

      expect(error).toMatchObject({ sent: false })
    })

    it('a connection string that is none rejects at the first statement, and its password is not told', async () => {
      const error = await rejectionOf(createDriver('postgres://me:secret@host:port/app').executor.query('select 1', []))

      expect(error).toMatchObject({ sent: false })
      expect(error.message).not.toContain('secret')
    })
  })

  describe('after a statement is sent', () => {
    it('a terminated backend rejects with its SQLSTATE, and the pool goes on with another', async () => {
      const looker = await observer()
      const { executor } = createDriver(poolOf({ max: 1 }))
      const rejection = rejectionOf(executor.query('select pg_sleep(60) /* to be terminated */', []))
      await looker.query('select pg_terminate_backend($1)', [await running(looker, 'to be terminated')])

      expect(await rejection).toMatchObject({ code: '57P01' })
      expect(await executor.query('select 1 as one', [])).toEqual([{ one: '1' }])
    })

    it("a pool of the user's has no error to tell, which would end a process that does not listen", async () => {
      const looker = await observer()
      await using proxy = await startProxy(database.url)
      const pool = poolOf({ max: 1, connectionString: proxy.url })
      const told: Error[] = []
      pool.on('error', (error) => told.push(error))
      const { executor } = createDriver(pool)
      const terminated = rejectionOf(executor.query('select pg_sleep(60) /* quietly terminated */', []))
      await looker.query('select pg_terminate_backend($1)', [await running(looker, 'quietly terminated')])
      await terminated
      await rejectionOf(executor.query('select pg_sleep(60)', [], { timeoutMs: 50 }))
      const cut = rejectionOf(executor.query('select pg_sleep(60) /* quietly cut */', []))
      const orphan = await running(looker, 'quietly cut')
      proxy.cut()
      await cut
      await looker.query('select pg_terminate_backend($1)', [orphan])
      await until('all connections have ended', () => pool.totalCount === 0 && proxy.connections === 0)

      expect(told).toEqual([])
    })

    it('a cancelled statement rejects with its SQLSTATE', async () => {
      const looker = await observer()
      const { executor } = createDriver(poolOf())
      const rejection = rejectionOf(executor.query('select pg_sleep(60) /* to be cancelled */', []))
      await looker.query('select pg_cancel_backend($1)', [await running(looker, 'to be cancelled')])

      expect(await rejection).toMatchObject({ code: '57014' })
    })

    it.each(['a URL', 'a Pool', 'a Client', 'a reserved connection'])(
      'a connection cut in mid-statement rejects as sent (%s)',
      async (kind) => {
        const looker = await observer()
        await using proxy = await startProxy(database.url)
        const pool = poolOf({ connectionString: proxy.url })
        const client = new pg.Client(proxy.url)
        client.on('error', () => {})
        if (kind === 'a Client') await client.connect()
        const driver = createDriver(kind === 'a URL' ? proxy.url : kind === 'a Client' ? client : pool)
        const reserved = kind === 'a reserved connection' ? await driver.reserve?.() : undefined
        const { executor } = reserved ?? driver
        const rejection = rejectionOf(executor.query(`select pg_sleep(60) /* cut: ${kind} */`, []))
        await running(looker, `cut: ${kind}`)
        proxy.cut()
        const error = await rejection

        expect(error).toMatchObject({ sent: true, cause: expect.any(Error) })
        expect(error.code).toBeUndefined()
        await looker.query('select pg_terminate_backend($1)', [await running(looker, `cut: ${kind}`)])
        if (kind === 'a URL' || kind === 'a Pool') {
          expect(await executor.query('select 1 as one', [])).toEqual([{ one: '1' }])
        }
        if (kind === 'a URL') await driver.close?.()
      },
    )

    it('what waited behind a statement that was cut off rejects as not sent', async () => {
      const looker = await observer()
      await using proxy = await startProxy(database.url)
      const reserved = await createDriver(poolOf({ connectionString: proxy.url })).reserve?.()
      const first = rejectionOf(reserved?.executor.query('select pg_sleep(60) /* in front */', []) as Promise<unknown>)
      const second = rejectionOf(reserved?.executor.query('select 1', []) as Promise<unknown>)
      await running(looker, 'in front')
      proxy.cut()

      expect(await first).toMatchObject({ sent: true })
      expect(await second).toMatchObject({ sent: false })
      expect(await rejectionOf(reserved?.executor.query('select 1', []) as Promise<unknown>)).toMatchObject({
        sent: false,
      })
    })

    it("the user's own query_timeout rejects as sent, and its connection is not used again", async () => {
      const looker = await observer()
      const { executor } = createDriver(poolOf({ max: 1, query_timeout: 300 }))
      const rejection = rejectionOf(executor.query('select pg_sleep(60) /* read timeout */', []))
      const pid = await running(looker, 'read timeout')

      expect(await rejection).toMatchObject({ sent: true, message: 'Query read timeout' })
      const [row] = await executor.query('select pg_backend_pid() as pid', [])
      expect(row?.pid).not.toBe(String(pid))
      await looker.query('select pg_terminate_backend($1)', [pid])
    })

    it('a server that became a standby gets no second statement on the same connection', async () => {
      const pool = poolOf({ max: 1, options: '-c default_transaction_read_only=on' })
      const { executor } = createDriver(pool)
      const [before] = await executor.query('select pg_backend_pid() as pid', [])

      expect(await rejectionOf(executor.query('create table t ()', []))).toMatchObject({ code: '25006' })
      const [after] = await executor.query('select pg_backend_pid() as pid', [])
      expect(after?.pid).not.toBe(before?.pid)
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
