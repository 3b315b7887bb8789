import { expect } from 'vitest'
import type { Subject } from '../subject.js'
import { rejection, until } from '../support.js'

/** `timeoutMs` and `signal`: the caller gets an answer in time, and no connection is used again with a query on it. */
export function limits<C>(d: Subject<C>): void {
  const running = (): Promise<readonly { n: number }[]> =>
    d.sql<{ n: number }>(
      `select 1 as n from pg_stat_activity where query like 'select pg_sleep(77)%' and state = 'active' and datname = current_database()`,
    )

  d.it(
    'a statement that takes too long rejects as sent, and the server is rid of it',
    ['limits', 'pool', 'server'],
    async () => {
      const began = performance.now()
      const error = await rejection(d.driver.executor.query('select pg_sleep(77)', [], { timeoutMs: 200 }))
      expect(performance.now() - began).toBeLessThan(5_000)
      expect(error.sent === true || error.code === '57014').toBe(true)
      await until('the server has stopped it', async () => (await running()).length === 0)
      expect(await d.driver.executor.query(`select '1'::text as one`, [])).toEqual([{ one: '1' }])
    },
  )

  d.it('an abort rejects as sent, and the server is rid of the statement', ['limits', 'pool', 'server'], async () => {
    const controller = new AbortController()
    const rejected = rejection(d.driver.executor.query('select pg_sleep(77)', [], { signal: controller.signal }))
    await until('it runs', async () => (await running()).length === 1)
    controller.abort()
    const error = await rejected
    expect(error.sent === true || error.code === '57014').toBe(true)
    await until('the server has stopped it', async () => (await running()).length === 0)
  })

  d.it('a signal that has aborted before sends nothing', ['limits', 'pool'], async () => {
    const queue = await d.queue()
    const text = `insert into pgmq.q_${queue} (vt, message) values (now(), '{}')`
    const error = await rejection(d.driver.executor.query(text, [], { signal: AbortSignal.abort() }))
    expect(error).toMatchObject({ sent: false })
    expect(await d.sql(`select 1 from pgmq.q_${queue}`)).toEqual([])
  })

  d.it('a limit that is kept changes nothing', ['limits'], async () => {
    const options = { timeoutMs: 30_000, signal: new AbortController().signal }
    expect(await d.driver.executor.query(`select '1'::text as one`, [], options)).toEqual([{ one: '1' }])
  })

  d.it('many statements that are given up leave the others alone', ['limits', 'pool', 'server'], async () => {
    const given = Array.from({ length: 5 }, () =>
      d.driver.executor.query('select pg_sleep(77)', [], { timeoutMs: 100 }),
    )
    const kept = Array.from({ length: 20 }, (_, n) => d.driver.executor.query('select $1::text as n', [n]))
    expect((await Promise.allSettled(given)).every(({ status }) => status === 'rejected')).toBe(true)
    expect((await Promise.all(kept)).map(([row]) => row?.n)).toEqual(Array.from({ length: 20 }, (_, n) => String(n)))
  })
}
