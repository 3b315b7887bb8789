import { isDeepStrictEqual } from 'node:util'
import { isPgmqError } from '@pgmq/node-pg'
import type { Scenario } from '../scenario.js'
import type { Stage } from '../stage.js'

const NAMES = [
  '',
  ' ',
  'Emails',
  'a'.repeat(44),
  'a-b',
  '1a',
  'a"b',
  "a'; drop table pgmq.meta; --",
  'a\u0000',
  'é',
  '../a',
]

/** What producers may pass by mistake or malice. Each is refused with a code before anything is written, or comes back as it went in. */
const BODIES: readonly (() => unknown)[] = [
  () => '\u0000',
  () => ({ 'a\u0000': 1 }),
  () => '\ud800',
  () => ['\udc00x'],
  () => nested(10_000),
  () => nested(100),
  () => 'x'.repeat(256 * 1_048_576),
  () => 'é'.repeat(1_048_576),
  () => Number.MAX_VALUE,
  () => [5e-324, -0, 2 ** 53 + 2, 1e21, 123456789012345680000],
  () => 1n,
  () =>
    JSON.parse('{"__proto__": {"polluted": true}, "constructor": {"prototype": 1}, "toString": 1, "": 2}') as unknown,
  () => cycle(),
  () => ({
    toJSON: () => {
      throw new Error('no')
    },
  }),
  () => new Date(Number.NaN),
  () => Array.from({ length: 20_000 }, (_, i) => ({ [`key ${i}`]: i })),
  () => `'; drop table pgmq.q_jobs; -- $1 {"a": "\\u0000"} \\`,
]

/** What other programs may have put into the table: a body and headers, as JSON. */
const FOREIGN: readonly (readonly [body: string, headers: string | null])[] = [
  ['null', null],
  ['[]', '[]'],
  ['"text"', '"text"'],
  ['1e400', '1'],
  ['{}', '{}'],
  ['{"task": 1}', null],
  ['{"task": "job", "n": -1}', '[1, 2]'],
  [
    '{"task": "job", "n": -2}',
    '{"x-job-failures": 1e99, "x-job-ended": -5, "x-job-alone": "3", "x-job-unknown": null}',
  ],
  ['{"task": "job", "n": -3}', '{"x-job-alone": 3, "x-job-ended": 0.5, "x-job-version": {}}'],
  ['{"task": "job", "n": -4, "__proto__": {"harm": "throws"}}', '{"__proto__": {"x-job-dead": true}}'],
]

export const hostileInput: Scenario = {
  name: 'hostile_input',
  does: 'names, bodies and headers that no program should have sent, between good ones',
  async run(stage) {
    const { fleet, producer, server } = stage
    await fleet.start(1)
    stage.load()
    const queues = await tables(stage)
    await stage.during(async () => {
      await refuseNames(stage)
      for (const [body, make] of BODIES.entries()) await producer.each([{ body, payload: make() }])
      for (const [body, headers] of FOREIGN)
        await server.sql('insert into pgmq.q_jobs (vt, message, headers) values (now(), $1, $2)', [body, headers])
    })
    await producer.stop()
    const codes = [...producer.errors].map(([code, count]) => `${code} × ${count}`)
    stage.claim(
      'what is refused is refused with a code',
      [...producer.errors.keys()].every((code) => /^[A-Z_]+$/.test(code)),
      codes.join(', '),
    )
    stage.claim('no table came or went', isDeepStrictEqual(await tables(stage), queues))
    await stage.comesTrue('all that was taken is done', async () => (await stage.queueLength()) === 0, 60)
    await comeBackAsSent(stage)
    const letters = await server.sql<{ reason: string; count: number }>(
      `select message->>'reason' reason, count(*)::int count from pgmq.q_jobs_dlq group by 1 order by 1`,
    )
    const unfit = FOREIGN.filter(([body]) => !body.includes('"job"')).length
    stage.claim(
      'foreign bodies that are no job are dead letters, foreign headers harm none',
      isDeepStrictEqual(letters, [{ reason: 'invalid_input', count: unfit }]),
      letters.map(({ reason, count }) => `${count} ${reason}`).join(', '),
    )
  },
}

async function refuseNames(stage: Stage): Promise<void> {
  const others: string[] = []
  for (const name of NAMES) {
    const code = await stage.producer.client.enqueue(name, { task: 'job' }).then(
      () => 'taken',
      (error: unknown) => (isPgmqError(error) ? error.code : String(error)),
    )
    if (code !== 'QUEUE_NAME_INVALID') others.push(`${JSON.stringify(name)}: ${code}`)
  }
  stage.claim('names that are none are QUEUE_NAME_INVALID', others.length === 0, others.join(', ') || NAMES.length)
}

/** What lies in the archive is what JSON makes of what was passed. */
async function comeBackAsSent(stage: Stage): Promise<void> {
  const rows = await stage.server.sql<{ body: number; payload: unknown }>(
    `select (message->>'body')::int body, message->'payload' payload from pgmq.a_jobs where message ? 'body'`,
  )
  const changed = rows.filter(
    ({ body, payload }) => !isDeepStrictEqual(payload, JSON.parse(JSON.stringify(BODIES[body]?.()))),
  )
  const detail = `${rows.length} of ${BODIES.length}${changed.map(({ body }) => `, changed: ${String(BODIES[body])}`).join('')}`
  stage.claim('bodies that were taken come back as they were sent', changed.length === 0, detail)
}

async function tables({ server }: Stage): Promise<unknown[]> {
  return await server.sql(`select relname from pg_class where relnamespace = 'pgmq'::regnamespace order by 1`)
}
function nested(depth: number): unknown {
  let value: unknown = 1
  for (let i = 0; i < depth; i++) value = [value]
  return value
}

function cycle(): unknown {
  const made: Record<string, unknown> = {}
  made.again = made
  return made
}
