import { expect } from 'vitest'
import { endConnections } from '../outage.js'
import type { Subject } from '../subject.js'
import { rejection, until } from '../support.js'

/** A connection that breaks rejects what was on it, truthfully, and is replaced. */
export function disconnects<C>(d: Subject<C>): void {
  async function kill(like: string): Promise<void> {
    await until(
      'there is one to end',
      async () =>
        (
          await d.sql(
            `select pg_terminate_backend(pid) from pg_stat_activity where query like $1 and pid <> pg_backend_pid() and datname = current_database()`,
            [like],
          )
        ).length > 0,
    )
  }

  d.it('a statement under way may have run', ['reconnect', 'server', 'pool'], async () => {
    const rejected = rejection(d.driver.executor.query('select pg_sleep(78)', []))
    await kill('select pg_sleep(78)%')
    const error = await rejected
    expect(error.sent === true || error.code === '57P01').toBe(true)
    expect(await d.driver.executor.query(`select '1'::text as one`, [])).toEqual([{ one: '1' }])
  })

  d.it('a connection that broke while it was idle costs no job', ['reconnect', 'server', 'pool'], async () => {
    const queue = await d.queue()
    await d.client.enqueue(queue, { n: 1 })
    await endConnections(d)
    await until('it is there again', async () => {
      const sent = await d.client.enqueue(queue, { n: 2 }).catch((error: { code?: string }) => error.code)
      return typeof sent === 'object'
    })
  })

  d.it(
    'a reserved connection that broke refuses, and is never another one',
    ['reserve', 'session', 'server'],
    async () => {
      const reserved = await d.driver.reserve?.()
      if (!reserved) throw new Error('a driver without `reserve` has to say so in `missing`')
      const [row] = await reserved.executor.query('select pg_backend_pid()::text as pid', [])
      expect(await reserved.executor.query('select pg_backend_pid()::text as pid', [])).toEqual([row])
      await d.sql('select pg_terminate_backend($1::int)', [row?.pid])
      const again = rejection(
        (async () => {
          for (;;) await reserved.executor.query(`select '1'::text as one`, [])
        })(),
      )
      await again
      expect(await rejection(reserved.executor.query(`select '1'::text as one`, []))).toMatchObject({ sent: false })
      await reserved.release()
    },
  )

  d.it('a released connection is gone, and refuses', ['reserve', 'session', 'server'], async () => {
    const reserved = await d.driver.reserve?.()
    const [row] = (await reserved?.executor.query('select pg_backend_pid()::text as pid', [])) ?? []
    await reserved?.release()
    await until(
      'it is gone',
      async () => (await d.sql('select 1 from pg_stat_activity where pid = $1::int', [row?.pid])).length === 0,
    )
    expect(await rejection(reserved?.executor.query('select 1', []) as Promise<unknown>)).toMatchObject({ sent: false })
    await reserved?.release()
  })
}
