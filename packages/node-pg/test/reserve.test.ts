import type { ReservedConnection } from '@pgmq/core'
import { describeDatabase, rejectionOf, startProxy, until, useTestDatabase } from '@pgmq/test-database'
import pg from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createDriver } from '../src/driver.js'
import { quietPool } from './support/quiet-pool.js'

describeDatabase('reserved connections', () => {
  const database = useTestDatabase()
  const undo: (() => unknown)[] = []
  let looker: pg.Client

  beforeEach(async () => {
    looker = new pg.Client({ connectionString: database.url, application_name: 'looker' })
    await looker.connect()
    undo.push(() => looker.end())
  })
  afterEach(async () => {
    for (const action of undo.splice(0).reverse()) await action()
  })

  function poolOf(options: pg.PoolConfig = {}): pg.Pool {
    const pool = quietPool({ connectionString: database.url, ...options })
    undo.push(() => pool.end())
    return pool
  }

  async function reserve(pool: pg.Pool): Promise<ReservedConnection> {
    const reserved = (await createDriver(pool).reserve?.()) as ReservedConnection
    undo.push(() => reserved.release())
    return reserved
  }

  async function isConnected(pid: unknown): Promise<boolean> {
    return (await looker.query('select from pg_stat_activity where pid = $1', [pid])).rows.length > 0
  }

  /** A role that must give its password, which the test server's settings may not ask for: so it is checked apart. */
  function parts(): pg.ClientConfig {
    const url = new URL(database.url)
    return {
      host: url.hostname,
      port: Number(url.port),
      user: url.username,
      database: url.pathname.slice(1),
    }
  }

  it("one can be had while every client of the pool is held, and it leaves the pool's count alone", async () => {
    const pool = poolOf({ max: 1 })
    const held = await pool.connect()
    const reserved = await reserve(pool)

    expect(await reserved.executor.query('select 1 as one', [])).toEqual([{ one: '1' }])
    expect(pool.totalCount).toBe(1)
    held.release()
  })

  it('has the settings of the pool, its onConnect hook among them', async () => {
    const pool = poolOf({
      options: '-c search_path=elsewhere',
      application_name: 'mine',
      onConnect: (client: pg.ClientBase) => client.query(`set timezone to 'Asia/Tokyo'`) as never,
    })
    const { executor } = await reserve(pool)

    const rows = await executor.query(
      `select current_setting('search_path') as path, current_setting('application_name') as name,
         current_setting('timezone') as zone`,
      [],
    )
    expect(rows).toEqual([{ path: 'elsewhere', name: 'mine', zone: 'Asia/Tokyo' }])
  })

  it("calls itself pgmq where the user gave no name, and leaves the pool's options as they were", async () => {
    const pool = poolOf()
    const before = { ...pool.options }
    const { executor } = await reserve(pool)

    const rows = await executor.query(`select current_setting('application_name') as name`, [])
    expect(rows).toEqual([{ name: 'pgmq' }])
    expect(pool.options).toEqual(before)
  })

  it.each(['a string', 'a function'])('gives the password that the pool hides from enumeration (%s)', async (kind) => {
    const role = kind === 'a string' ? 'with_password' : 'with_function'
    await looker.query(`create role ${role} login password 'open sesame'`)
    undo.push(() => looker.query(`drop role ${role}`))
    let asked = 0
    const ask = async (): Promise<string> => {
      asked++
      return 'open sesame'
    }
    const password = kind === 'a string' ? 'open sesame' : ask
    const pool = poolOf({ ...parts(), connectionString: undefined, user: role, password })
    expect(Object.keys(pool.options)).not.toContain('password')
    const { executor } = await reserve(pool)

    expect(await executor.query('select current_user::text as role', [])).toEqual([{ role }])
    const wrong = poolOf({ ...parts(), connectionString: undefined, user: role, password: 'wrong' })
    if (await asksForPasswords(wrong)) {
      expect(await rejectionOf(reserve(wrong))).toMatchObject({ code: '28P01', sent: false })
      expect(asked).toBe(kind === 'a string' ? 0 : 1)
    }
  })

  it('a password function that throws rejects, and leaves no connection behind', async () => {
    await using proxy = await startProxy(database.url)
    await looker.query(`create role unlucky login password 'x'`)
    undo.push(() => looker.query('drop role unlucky'))
    const url = new URL(proxy.url)
    const password = (): string => {
      throw new Error('the vault is sealed')
    }
    const pool = poolOf({ ...parts(), connectionString: undefined, port: Number(url.port), user: 'unlucky', password })
    if (!(await asksForPasswords(poolOf({ ...parts(), connectionString: undefined, user: 'unlucky', password: 'y' }))))
      return

    expect(await rejectionOf(reserve(pool))).toMatchObject({ sent: false, message: 'the vault is sealed' })
    await until('nothing is connected', () => proxy.connections === 0)
  })

  it('runs statements one after the other, each a transaction of its own', async () => {
    const { executor } = await reserve(poolOf())
    await executor.query('create temporary table seen (n int)', [])
    await Promise.all([1, 2, 3, 4, 5].map((n) => executor.query('insert into seen select $1::text::int', [n])))
    await rejectionOf(executor.query('insert into seen select 1/0', []))

    const rows = await executor.query(`select string_agg(n::text, ',') as all from seen`, [])
    expect(rows).toEqual([{ all: '1,2,3,4,5' }])
  })

  it('release ends the connection, and what comes after rejects as not sent', async () => {
    const reserved = await reserve(poolOf())
    const { executor } = reserved
    const [row] = await executor.query('select pg_backend_pid() as pid', [])
    await reserved.release()
    await reserved.release()

    await until('the server has ended it', async () => !(await isConnected(row?.pid)))
    expect(await rejectionOf(executor.query('select 1', []))).toMatchObject({ sent: false })
  })

  it('release does not wait for a statement that runs', async () => {
    const reserved = await reserve(poolOf())
    const { executor } = reserved
    const [row] = await executor.query('select pg_backend_pid() as pid', [])
    const rejection = rejectionOf(executor.query('select pg_sleep(60)', []))
    await until('it runs', async () => {
      const { rows } = await looker.query('select state from pg_stat_activity where pid = $1', [row?.pid])
      return rows[0]?.state === 'active'
    })
    await reserved.release()

    // Whichever comes first: the server's reply to the request to cancel, or the end of the connection.
    expect(await rejection).toSatisfy(({ code, sent }) => code === '57014' || sent === true)
    await until('the server has stopped it', async () => !(await isConnected(row?.pid)))
  })

  it('release does not wait for a server that does not answer', async () => {
    await using proxy = await startProxy(database.url)
    const reserved = await reserve(poolOf({ connectionString: proxy.url }))
    proxy.freeze()

    await expect(reserved.release()).resolves.toBeUndefined()
  })

  it('release of a broken connection is no error', async () => {
    const reserved = await reserve(poolOf())
    const { executor } = reserved
    const [row] = await executor.query('select pg_backend_pid() as pid', [])
    await looker.query('select pg_terminate_backend($1)', [row?.pid])

    await expect(reserved.release()).resolves.toBeUndefined()
  })

  it('a connection that breaks while idle rejects the next statement as not sent, and the process lives on', async () => {
    const { executor } = await reserve(poolOf())
    const [row] = await executor.query('select pg_backend_pid() as pid', [])
    await looker.query('select pg_terminate_backend($1)', [row?.pid])
    await until('it is gone', async () => !(await isConnected(row?.pid)))

    await until(
      'the driver has noticed',
      async () => (await rejectionOf(executor.query('select 1', []))).sent === false,
    )
  })

  it('gives up on a server that accepts and says nothing', async () => {
    await using proxy = await startProxy(database.url)
    proxy.freeze()
    const pool = poolOf({ connectionString: proxy.url, connectionTimeoutMillis: 100 })

    expect(await rejectionOf(reserve(pool))).toMatchObject({ sent: false })
  })

  it('a single connection, or a pool of some other make, has none to give', async () => {
    const client = await poolOf().connect()
    const lookAlike = { options: {}, totalCount: 0, query: () => looker.query('select 1'), connect: async () => client }

    expect(createDriver(client)).toMatchObject({ executor: { scope: 'connection' } })
    expect(createDriver(client)).not.toHaveProperty('reserve')
    expect(createDriver(client)).not.toHaveProperty('notifier')
    expect(createDriver(lookAlike)).not.toHaveProperty('reserve')
    client.release()
  })

  async function asksForPasswords(wrong: pg.Pool): Promise<boolean> {
    return wrong.query('select 1').then(
      () => false,
      (error) => error.code === '28P01',
    )
  }
})
