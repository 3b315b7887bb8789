import { createServer } from 'node:net'
import type { ReservedConnection } from '@pgmq/core'
import { describeDatabase, rejectionOf, startProxy, until, useTestDatabase } from '@pgmq/test-database'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createDriver } from '../src/driver.js'
import { quietSql, type Settings, type Sql } from './support/quiet-sql.js'
import { begin } from './support/transaction.js'

describeDatabase('reserved connections', () => {
  const database = useTestDatabase()
  const undo: (() => unknown)[] = []
  let looker: Sql

  beforeEach(() => {
    looker = quietSql(database.url, { max: 1, connection: { application_name: 'looker' } })
    undo.push(() => looker.end({ timeout: 1 }))
  })
  afterEach(async () => {
    for (const action of undo.splice(0).reverse()) await action()
  })

  function poolOf(options: Settings = {}, url: string = database.url): Sql {
    const pool = quietSql(url, options)
    undo.push(() => pool.end({ timeout: 1 }))
    return pool
  }

  async function reserve(pool: Sql): Promise<ReservedConnection> {
    const reserved = (await createDriver(pool).reserve?.()) as ReservedConnection
    undo.push(() => reserved.release())
    return reserved
  }

  async function pidOf({ executor }: ReservedConnection): Promise<number> {
    return Number((await executor.query('select pg_backend_pid() as pid', []))[0]?.pid)
  }

  async function isConnected(pid: number): Promise<boolean> {
    return (await looker`select from pg_stat_activity where pid = ${pid}`).length > 0
  }

  async function terminate(pid: number): Promise<void> {
    await looker`select pg_terminate_backend(${pid})`
  }

  function as(user: string, url: string = database.url): string {
    return Object.assign(new URL(url), { username: user, password: '' }).href
  }

  /** The test server's settings may not ask for passwords at all. */
  async function asksForPasswords(user: string): Promise<boolean> {
    const wrong = poolOf({ password: 'wrong' }, as(user))
    return wrong`select 1`.then(
      () => false,
      (error) => error.code === '28P01',
    )
  }

  async function role(name: string): Promise<void> {
    await looker.unsafe(`create role ${name} login password 'open sesame'`)
    undo.push(() => looker.unsafe(`drop role ${name}`))
  }

  it.each([{}, { fetch_types: false }, { prepare: false }])(
    "one can be had while every connection of the pool is held, and it leaves the pool's count alone (%j)",
    async (options) => {
      const pool = poolOf({ max: 1, connection: { application_name: 'counted' }, ...options })
      const held = await begin(pool)
      const reserved = await reserve(pool)

      expect(await reserved.executor.query('select 1 as one', [])).toEqual([{ one: '1' }])
      expect(await looker`select from pg_stat_activity where application_name = 'counted'`).toHaveLength(2)
      await held.end()
    },
  )

  it('has the settings of the pool', async () => {
    const pool = poolOf({ connection: { search_path: 'elsewhere', application_name: 'mine', TimeZone: 'Asia/Tokyo' } })
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
    const before = { ...pool.options, connection: { ...pool.options.connection } }
    const { executor } = await reserve(pool)

    const rows = await executor.query(`select current_setting('application_name') as name`, [])
    expect(rows).toEqual([{ name: 'pgmq' }])
    expect(pool.options).toEqual(before)
  })

  it.each(['a string', 'a function'])('gives the password (%s)', async (kind) => {
    const name = kind === 'a string' ? 'with_password' : 'with_function'
    await role(name)
    let asked = 0
    const ask = async (): Promise<string> => {
      asked++
      return 'open sesame'
    }
    const { executor } = await reserve(poolOf({ password: kind === 'a string' ? 'open sesame' : ask }, as(name)))

    expect(await executor.query('select current_user::text as role', [])).toEqual([{ role: name }])
    if (await asksForPasswords(name)) {
      expect(await rejectionOf(reserve(poolOf({ password: 'wrong' }, as(name))))).toMatchObject({
        code: '28P01',
        sent: false,
      })
      expect(asked).toBe(kind === 'a string' ? 0 : 1)
    }
  })

  it('a password function that throws rejects, does not end the process, and leaves no connection behind', async () => {
    await using proxy = await startProxy(database.url)
    await role('unlucky')
    const password = (): string => {
      throw new Error('the vault is sealed')
    }
    if (!(await asksForPasswords('unlucky'))) return
    const rejection = rejectionOf(reserve(poolOf({ password }, as('unlucky', proxy.url))))

    expect(await rejection).toMatchObject({ sent: false, message: 'the vault is sealed' })
    await until('nothing is connected', () => proxy.connections === 0)
  })

  it("uses the user's own socket", async () => {
    const { connect } = await import('node:net')
    const { hostname, port } = new URL(database.url)
    let made = 0
    const socket = (): unknown => {
      made++
      return connect(Number(port), hostname)
    }
    const pool = poolOf({ socket } as Settings, Object.assign(new URL(database.url), { port: '1' }).href)
    const reserved = await reserve(pool)
    expect(await reserved.executor.query('select 1 as one', [])).toEqual([{ one: '1' }])
    expect(made).toBe(1)
  })

  it('tries one host after the other', async () => {
    const { host } = new URL(database.url)
    const url = database.url.replace(host, `127.0.0.1:1,${host}`)
    const { executor } = await reserve(poolOf({}, url))

    expect(await executor.query('select 1 as one', [])).toEqual([{ one: '1' }])
  })

  it('tries each host but once, and says why the last one failed', async () => {
    const url = database.url.replace(new URL(database.url).host, '127.0.0.1:1,127.0.0.1:2')

    expect(await rejectionOf(reserve(poolOf({}, url)))).toMatchObject({
      sent: false,
      message: expect.stringContaining('127.0.0.1:2'),
    })
  })

  it('passes over a host that is not what target_session_attrs asks for', async () => {
    const pool = poolOf({ target_session_attrs: 'standby' })
    expect(await rejectionOf(reserve(pool))).toMatchObject({ sent: false })
    const primary = await reserve(poolOf({ target_session_attrs: 'primary' }))
    expect(await primary.executor.query('select 1 as one', [])).toEqual([{ one: '1' }])
  })

  it('runs statements one after the other, each a transaction of its own', async () => {
    const { executor } = await reserve(poolOf())
    await executor.query('create temporary table seen (n int)', [])
    await Promise.all([1, 2, 3, 4, 5].map((n) => executor.query('insert into seen select $1::text::int', [n])))
    await rejectionOf(executor.query('insert into seen select 1/0', []))

    const rows = await executor.query(`select string_agg(n::text, ',') as all from seen`, [])
    expect(rows).toEqual([{ all: '1,2,3,4,5' }])
  })

  it('is not ended by idle_timeout or max_lifetime', async () => {
    const reserved = await reserve(poolOf({ idle_timeout: 0.05, max_lifetime: 0.05 }))
    const before = await pidOf(reserved)
    await looker`select pg_sleep(0.3)`

    expect(await pidOf(reserved)).toBe(before)
  })

  it('release ends the connection, and what comes after rejects as not sent', async () => {
    const reserved = await reserve(poolOf())
    const pid = await pidOf(reserved)
    await reserved.release()
    await reserved.release()

    await until('the server has ended it', async () => !(await isConnected(pid)))
    expect(await rejectionOf(reserved.executor.query('select 1', []))).toMatchObject({ sent: false })
  })

  it('release does not wait for a statement that runs', async () => {
    const reserved = await reserve(poolOf())
    const pid = await pidOf(reserved)
    const rejection = rejectionOf(reserved.executor.query('select pg_sleep(60)', []))
    await until('it runs', async () => {
      return (await looker`select from pg_stat_activity where pid = ${pid} and state = 'active'`).length > 0
    })
    await reserved.release()

    // Whichever comes first: the server's reply to the request to cancel, or the end of the connection.
    expect(await rejection).toSatisfy(({ code, sent }) => code === '57014' || sent === true)
    await until('the server has stopped it', async () => !(await isConnected(pid)))
  })

  it('release does not wait for a server that does not answer', async () => {
    await using proxy = await startProxy(database.url)
    const reserved = await reserve(poolOf({}, proxy.url))
    proxy.freeze()

    await expect(reserved.release()).resolves.toBeUndefined()
  })

  it('release of a broken connection is no error', async () => {
    const reserved = await reserve(poolOf())
    await terminate(await pidOf(reserved))

    await expect(reserved.release()).resolves.toBeUndefined()
  })

  it('one that broke is never silently another connection: it refuses, as not sent, and the process lives on', async () => {
    const reserved = await reserve(poolOf())
    const pid = await pidOf(reserved)
    await terminate(pid)
    await until('it is gone', async () => !(await isConnected(pid)))

    await until('the driver has noticed', async () => {
      return (await rejectionOf(reserved.executor.query('select 1', []))).sent === false
    })
    expect(await rejectionOf(reserved.executor.query('select 1', []))).toMatchObject({ sent: false })
  })

  it('gives up on a server that accepts and says nothing', async () => {
    await using proxy = await startProxy(database.url)
    proxy.freeze()

    expect(await rejectionOf(reserve(poolOf({ connect_timeout: 0.1 }, proxy.url)))).toMatchObject({
      sent: false,
      message: 'not connected within 100 ms',
    })
  })

  it('gives up after 10 s, where the user has set no time of his own', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    undo.push(() => vi.useRealTimers())
    await using proxy = await startProxy(database.url)
    proxy.freeze()
    const rejection = rejectionOf(reserve(poolOf({}, proxy.url)))
    await until('it tries', async () => {
      await vi.advanceTimersByTimeAsync(1)
      return proxy.connections > 0
    })
    await vi.advanceTimersByTimeAsync(10_000)

    expect(await rejection).toMatchObject({ sent: false, message: 'not connected within 10000 ms' })
  })

  it('gives up on a server that closes at once', async () => {
    const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
    undo.push(() => server.close())
    await until('it listens', () => server.listening)
    const { port } = server.address() as { port: number }

    expect(await rejectionOf(reserve(poolOf({}, `postgres://a@127.0.0.1:${port}/b`)))).toMatchObject({ sent: false })
  })

  it('a single connection has none to give', async () => {
    const { tx, end } = await begin(poolOf())

    expect(createDriver(tx)).toMatchObject({ executor: { scope: 'connection' } })
    expect(createDriver(tx)).not.toHaveProperty('reserve')
    expect(createDriver(tx)).not.toHaveProperty('notifier')
    await end()
  })
})
