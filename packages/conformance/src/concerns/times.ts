import { expect } from 'vitest'
import type { Subject } from '../subject.js'

const SETTINGS: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ['as they come', {}],
  ['far east, in German', { timezone: 'Asia/Kathmandu', datestyle: 'German, DMY', extra_float_digits: '-15' }],
  ['far west, as SQL', { timezone: 'Pacific/Marquesas', datestyle: 'SQL, MDY', intervalstyle: 'sql_standard' }],
]

/** Ids are texts, and times are right to the millisecond, whatever the session's settings. */
export function times<C>(d: Subject<C>): void {
  for (const [what, settings] of SETTINGS)
    d.it(`with settings ${what}`, Object.keys(settings).length > 0 ? ['server'] : [], async () => {
      const [database] = await d.sql<{ name: string }>('select quote_ident(current_database()) as name')
      for (const [name, value] of Object.entries(settings))
        await d.sql(`alter database ${database?.name} set ${name} = '${value}'`)
      try {
        await expectTimes(d, Object.keys(settings).length > 0 ? (await d.open()).driver.executor : d.driver.executor)
      } finally {
        for (const name of Object.keys(settings)) await d.sql(`alter database ${database?.name} reset ${name}`)
      }
    })

  d.it('ids beyond the doubles are exact', [], async () => {
    const queue = await d.queue()
    await d.sql(`alter table pgmq.q_${queue} alter column msg_id restart with 9007199254740993`)
    const { id } = await d.client.enqueue(queue, {})
    const message = await d.client.dequeue(queue)
    expect([id, message?.id]).toEqual(['9007199254740993', '9007199254740993'])
    expect(await d.client.archive({ queue, id })).toBe(true)
  })

  async function expectTimes(subject: Subject<C>, executor: Subject<C>['driver']['executor']): Promise<void> {
    const queue = await subject.queue()
    const client = subject.client.with(executor)
    const runAt = new Date('2001-02-03T04:05:06.789Z')
    const { id } = await client.enqueue(queue, {}, { runAt })
    const before = Date.now()
    const message = await client.dequeue(queue)
    if (!message) throw new Error('no message')
    expect(message).toMatchObject({ id, dueAt: runAt })
    expect(Math.abs(message.enqueuedAt.getTime() - before)).toBeLessThan(60_000)
    expect(await client.setVisibility(message, 3)).toBe(true)
    const [row] = await subject.sql<{ left: string }>(
      `select extract(epoch from vt - now())::float8::text as left from pgmq.q_${queue}`,
    )
    expect(Number(row?.left)).toBeGreaterThan(2)
    expect(await client.archive(message)).toBe(true)
    const [archived] = (await client.queues.archived(queue)).items
    expect(Math.abs((archived?.archivedAt.getTime() ?? 0) - before)).toBeLessThan(60_000)
  }
}
