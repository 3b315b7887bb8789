import { expect } from 'vitest'
import type { Subject } from '../subject.js'
import { rejection } from '../support.js'

const REFUSALS: readonly (readonly [string, string, string])[] = [
  ['a syntax error', '42601', 'selec 1'],
  ['a missing table', '42P01', 'select from nowhere'],
  ['a missing column', '42703', 'select missing from pg_class'],
  ['a missing function', '42883', 'select no_such_function(1)'],
  ['a division by zero', '22012', 'select 1 / (select 0)'],
  ['a text that is no number', '22P02', `select 'x'::text::int`],
  ['an error of its own', 'P0001', `do $$ begin raise exception 'no'; end $$`],
  ['an error with a code of its own', 'ZZ123', `do $$ begin raise 'no' using errcode = 'ZZ123'; end $$`],
]

/** What the server refuses has its SQLSTATE as `code`; core makes its own errors of it. */
export function errors<C>(d: Subject<C>): void {
  for (const [what, code, text] of REFUSALS)
    d.it(`${what} is ${code}`, [], async () => {
      expect(await rejection(d.driver.executor.query(text, []))).toMatchObject({ code })
    })

  d.it("a refusal is an Error with the server's words, and spoils nothing", ['pool'], async () => {
    const error = await rejection(d.driver.executor.query('select from nowhere', []))
    expect(error).toBeInstanceOf(Error)
    expect(error.message).toContain('nowhere')
    expect(await d.driver.executor.query(`select '1'::text as one`, [])).toEqual([{ one: '1' }])
  })

  d.it('a queue that is not there is QUEUE_NOT_FOUND', [], async () => {
    expect(await rejection(d.client.dequeue('nowhere'))).toMatchObject({ code: 'QUEUE_NOT_FOUND' })
  })

  d.it('a bad item fails alone among concurrent calls', ['pool'], async () => {
    const queue = await d.queue()
    await d.sql(`alter table pgmq.q_${queue} add check (message->>'n' <> '3')`)
    const results = await Promise.allSettled(
      Array.from({ length: 6 }, (_, n) => d.client.enqueue(queue, { n: String(n) })),
    )
    expect(results.map(({ status }) => status === 'fulfilled')).toEqual([true, true, true, false, true, true])
  })
}
