import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { audit, type Balance, enter, history, openBooks } from '../src/books.js'
import { FLEET_DEFAULTS, Fleet } from '../src/fleet.js'
import { Producer } from '../src/producer.js'
import { Server, type Sql } from '../src/server.js'
import { until } from '../src/until.js'

const JOBS = 60

describe('the books', () => {
  let server: Server
  beforeAll(async () => {
    server = await Server.start()
    await openBooks(server.sql)
    const fleet = new Fleet((name) => server.url(name), { ...FLEET_DEFAULTS, holdMs: 1, maxRetries: 0 })
    const producer = new Producer({ ...FLEET_DEFAULTS, url: server.url('producer') })
    try {
      await fleet.start()
      await producer.many(Array.from({ length: JOBS }, () => ({})))
      await producer.each([{ harm: 'throws' }])
      await until(() => fleet.count('succeeded') + fleet.count('deadLettered') === JOBS + 1, 30_000)
      await fleet.stop()
      await enter(server.sql, producer.entries, fleet.events)
    } finally {
      await fleet.close()
      await producer.close()
    }
  })
  afterAll(() => server?.close())

  /** What the audit finds after `wrong`, which is undone. */
  async function auditAfter(...wrong: readonly string[]): Promise<Balance> {
    const connection = await server.connect()
    const sql: Sql = async (text, values = []) => (await connection.query(text, [...values])).rows
    try {
      await sql('begin')
      for (const text of wrong) await sql(text)
      return await audit(sql)
    } finally {
      await connection.query('rollback')
      connection.release()
    }
  }
  const broken = ({ faults }: Balance): string[] => faults.map(({ never }) => never)
  const ONE = '(select min(msg_id) from pgmq.a_jobs)'

  it('balance when nothing was done to them', async () => {
    const balance = await auditAfter()
    expect(balance.faults).toEqual([])
    expect(balance).toMatchObject({ told: JOBS + 1, queue: 0, archive: JOBS, dead: 1, lost: 0, duplicates: 0 })
  })

  it('tell a message that is gone, and all that is known of it', async () => {
    const balance = await auditAfter(`delete from pgmq.a_jobs where msg_id = ${ONE}`)
    expect(balance.lost).toBe(1)
    const [id] = balance.faults[0]?.ids ?? []
    expect(await history(server.sql, id as string)).toMatch(/enqueued.*leased.*effect.*removed.*succeeded/s)
  })

  it.each([
    [
      'in two places',
      `insert into pgmq.q_jobs (msg_id, vt, message) overriding system value select msg_id, vt, message from pgmq.a_jobs where msg_id = ${ONE}`,
    ],
    [
      'enqueued twice',
      `insert into pgmq.q_jobs (vt, message) select vt, message from pgmq.a_jobs where msg_id = ${ONE}`,
    ],
    ['yet there', `update chaos.told set fate = 'refused' where msg_id = ${ONE}`],
    ['taken back by a failover, yet there', `update chaos.told set fate = 'reverted' where msg_id = ${ONE}`],
    ['lost', `update chaos.told set n = 'another job, under the same id' where msg_id = ${ONE}`],
    ['archived without its effect', `delete from chaos.effects where msg_id = ${ONE}`],
    ['or before it', `update chaos.effects set at = at + interval '1 hour' where msg_id = ${ONE}`],
    ['archived without its effect', `update chaos.effects set receipt = '1-1' where msg_id = ${ONE}`],
    ['archived, though it can only fail', `update chaos.told set harm = 'throws' where msg_id = ${ONE}`],
    ['dead, though it neither fails', `update chaos.told set harm = null`],
    [
      'acknowledged, renewed or given back by another',
      `update chaos.log set app = 'other' where op = 'removed' and msg_id = ${ONE}`,
    ],
    [
      'yet archived by another delivery',
      `update chaos.reported set receipt = '1-1' where event = 'succeeded' and msg_id = ${ONE}`,
    ],
    [
      'that its worker reported as lost',
      `update chaos.reported set event = 'leaseLost' where event = 'succeeded' and msg_id = ${ONE}`,
    ],
  ])('tell what is %s', async (never, wrong) => {
    const balance = await auditAfter(wrong)
    expect(broken(balance)).toEqual([expect.stringContaining(never)])
  })

  it('do not blame a worker for what a failover took back', async () => {
    const gone = `with gone as (delete from pgmq.a_jobs where msg_id = ${ONE} returning msg_id, chaos.receipt(read_ct, last_read_at))`
    const balance = await auditAfter(
      `update chaos.told set fate = 'reverted' where msg_id = ${ONE}`,
      `${gone} insert into chaos.reverted select * from gone`,
    )
    expect(balance.faults).toEqual([])
  })

  it('tell a message that is twice in the archive', async () => {
    const balance = await auditAfter(
      'alter table pgmq.a_jobs drop constraint a_jobs_pkey',
      `insert into pgmq.a_jobs (msg_id, read_ct, enqueued_at, last_read_at, vt, message) select msg_id, read_ct, enqueued_at, last_read_at, vt, message from pgmq.a_jobs where msg_id = ${ONE}`,
    )
    expect(broken(balance)).toEqual([expect.stringContaining('twice in one')])
  })
})
