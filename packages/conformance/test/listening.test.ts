import type { Driver } from '@pgmq/core'
import { deafPooler, describeDatabase, sessionPooler, startProxy, until, useTestDatabase } from '@pgmq/test-database'
import pg from 'pg'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { adapters } from '../drivers/support/adapters.js'

describeDatabase.each(adapters)('listening over $name', ({ open, openHeld }) => {
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

  function driverOver(url: string = database.url): Driver<never> {
    const driver = open(url)
    undo.push(() => driver.close?.())
    return driver
  }

  interface Ear {
    heard: number
    readonly states: boolean[]
    stop(): Promise<void>
  }

  async function listen(driver: Driver<never>, channel: string): Promise<Ear> {
    const ear = { heard: 0, states: [] as boolean[], stop: async () => {} }
    const stop = await driver.notifier?.listen(
      channel,
      () => ear.heard++,
      (up) => ear.states.push(up),
    )
    return Object.assign(ear, { stop })
  }

  const notify = (channel: string): Promise<unknown> => looker.query('select pg_notify($1, $2)', [channel, ''])

  async function listeners(): Promise<number[]> {
    const { rows } = await looker.query(
      `select pid from pg_stat_activity where application_name = 'pgmq' and datname = current_database()`,
    )
    return rows.map(({ pid }) => pid)
  }

  /** Stays true once it is, so that what was not heard can be told: a notification on another channel came after. */
  async function hears(driver: Driver<never>, channel: string): Promise<void> {
    const ear = await listen(driver, channel)
    await notify(channel)
    await until(`${channel} is heard`, () => ear.heard > 0)
    await ear.stop()
  }

  it.each(['pgmq.q_user_tasks.INSERT', 'Quoted "Ü"; select 1 --'])('hears what is notified on %s', async (channel) => {
    const driver = driverOver()
    const ear = await listen(driver, channel)
    await notify(channel)

    await until('it is heard', () => ear.heard === 1)
    expect(ear.states).toEqual([true])
  })

  it("hears over a connection that is not the pool's, whose every connection is held", async () => {
    const { driver, end } = await openHeld(database.url)
    const ear = await listen(driver, 'held')
    await notify('held')

    await until('it is heard', () => ear.heard === 1)
    await driver.close?.()
    await end()
  })

  it('shares one connection among all channels and listeners, each with its own', async () => {
    const driver = driverOver()
    const [first, second, third] = await Promise.all(['a', 'b', 'b'].map((channel) => listen(driver, channel)))
    await notify('b')

    await until('both have heard', () => second?.heard === 1 && third?.heard === 1)
    expect(first?.heard).toBe(0)
    expect(await listeners()).toHaveLength(1)
  })

  it('hears nothing after the end, while others on the same channel and connection do', async () => {
    const driver = driverOver()
    const [one, other] = await Promise.all([listen(driver, 'shared'), listen(driver, 'shared')])
    await one?.stop()
    await one?.stop()
    await notify('shared')
    await until('the other hears', () => other?.heard === 1)

    expect(one?.heard).toBe(0)
    await other?.stop()
    const third = await listen(driver, 'third')
    await notify('shared')
    await hears(driver, 'last')
    expect(other?.heard).toBe(1)
    expect(third.states).toEqual([true])
  })

  it('opens its connection at the first listen, and closes it at the last end', async () => {
    const driver = driverOver()
    expect(await listeners()).toHaveLength(0)
    const ears = await Promise.all(['a', 'b'].map((channel) => listen(driver, channel)))
    expect(await listeners()).toHaveLength(1)
    for (const ear of ears) await ear.stop()

    await until('it is closed', async () => (await listeners()).length === 0)
    const again = await listen(driver, 'a')
    await notify('a')
    await until('it is heard again', () => again.heard === 1)
  })

  it('reconnects by itself when its backend is terminated, and listens on every channel again', async () => {
    const driver = driverOver()
    const ears = await Promise.all(['a', 'b'].map((channel) => listen(driver, channel)))
    await looker.query('select pg_terminate_backend($1)', [(await listeners())[0]])
    await until('all have been told', () => ears.every(({ states }) => states.length === 3))
    for (const channel of ['a', 'b']) await notify(channel)

    await until('both hear', () => ears.every(({ heard }) => heard === 1))
    expect(ears.map(({ states }) => states)).toEqual([
      [true, false, true],
      [true, false, true],
    ])
  })

  it('survives one termination after the other', async () => {
    const driver = driverOver()
    const ear = await listen(driver, 'often')
    for (let round = 1; round <= 4; round++) {
      await looker.query('select pg_terminate_backend($1)', [(await listeners())[0]])
      await until('it is up again', () => ear.states.length === 1 + 2 * round)
    }
    await notify('often')

    await until('it hears', () => ear.heard === 1)
    expect(ear.states).toEqual([true, false, true, false, true, false, true, false, true])
  })

  it('begins by itself when the server comes up only later', async () => {
    const server = await startProxy(database.url)
    const { url } = server
    await server[Symbol.asyncDispose]()
    const driver = driverOver(url)
    const ear = await listen(driver, 'later')
    expect(ear.states).toEqual([])
    const back = await startProxy(database.url, { port: Number(new URL(url).port) })
    undo.push(() => back[Symbol.asyncDispose]())
    await until('it is up', () => ear.states.length > 0)
    await notify('later')

    await until('it hears', () => ear.heard === 1)
    expect(ear.states).toEqual([true])
  })

  it('notices a server that fell silent, and listens again once it answers', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    undo.push(() => vi.useRealTimers())
    await using proxy = await startProxy(database.url)
    let ear: Ear | undefined
    void listen(driverOver(proxy.url), 'silence').then((listening) => {
      ear = listening
    })
    await until('it listens', async () => {
      await vi.advanceTimersByTimeAsync(1)
      return ear !== undefined
    })
    expect(ear?.states).toEqual([true])
    proxy.freeze()
    const aMinuteLater = (): Promise<unknown> => vi.advanceTimersByTimeAsync(60_000)
    await aMinuteLater()
    expect(ear?.states).toEqual([true, false])
    proxy.thaw()
    await until('it is up again', async () => {
      await vi.advanceTimersByTimeAsync(1_000)
      return ear?.states.length === 3
    })
    await notify('silence')

    await until('it hears', () => ear?.heard === 1)
  })

  it('can be ended at once while the server does not answer', async () => {
    await using proxy = await startProxy(database.url)
    proxy.freeze()
    const driver = open(proxy.url)
    const listening = listen(driver, 'silent')
    await until('it tries', () => proxy.connections > 0)
    await driver.close?.()

    const ear = await listening
    await ear.stop()
    expect(ear.states).toEqual([])
  })

  it('a listener that throws harms nobody', async () => {
    const driver = driverOver()
    const fault = (): never => {
      throw new Error('a fault of its owner')
    }
    await driver.notifier?.listen('fault', fault, fault)
    const ear = await listen(driver, 'fault')
    await notify('fault')

    await until('the other hears', () => ear.heard === 1)
  })

  it('does not claim to hear behind a pooler in transaction mode, which accepts LISTEN and delivers nothing', async () => {
    await using proxy = await startProxy(database.url, { reply: deafPooler })
    const ear = await listen(driverOver(proxy.url), 'deaf')
    await notify('deaf')
    await hears(driverOver(), 'deaf')

    expect(ear).toMatchObject({ heard: 0, states: [] })
  })

  it('hears behind a pooler in session mode', async () => {
    await using proxy = await startProxy(database.url, { reply: sessionPooler })
    const ear = await listen(driverOver(proxy.url), 'session')
    await notify('session')

    await until('it hears', () => ear.heard === 1)
    expect(ear.states).toEqual([true])
  })
})
