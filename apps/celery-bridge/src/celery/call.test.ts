import { brotliCompressSync, deflateSync } from 'node:zlib'
import type { JsonObject, JsonValue } from '@pgmq/node-pg'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Refusal } from '../refusal.js'
import { readCall } from './call.js'
import { celeryMessage } from './message.js'

const base64 = (text: string | Buffer): string => Buffer.from(text).toString('base64')
/** A message whose body is this text, or these bytes. */
const withBody = (body: string | Buffer, headers: JsonObject = {}): JsonObject => {
  const message = celeryMessage({ queue: 'celery', task: 'app.tasks.add', id: 'an id' })
  return { ...message, body: base64(body), headers: { ...(message.headers as JsonObject), ...headers } }
}
const withHeaders = (headers: JsonObject): JsonObject => withBody('[[], {}, {}]', headers)

/** No value that is marked with a type, and no whole number that JavaScript had rounded before. */
function isPlain(value: unknown): boolean {
  let plain = true
  JSON.stringify(value, (key, part: unknown) => {
    if (key === '__type__' || (Number.isInteger(part) && !Number.isSafeInteger(part))) plain = false
    return part
  })
  return plain
}

function refusalOf(message: JsonValue): string {
  try {
    readCall(message)
  } catch (error) {
    if (error instanceof Refusal) return `${error.reason}: ${error.message}`
    throw error
  }
  throw new Error('it was read')
}

describe('a call', () => {
  it('is read as it was written, whatever its arguments', () => {
    const json = fc.jsonValue().filter(isPlain)
    fc.assert(
      fc.property(fc.array(json), fc.dictionary(fc.string(), json), (args, kwargs) => {
        const plain = JSON.parse(JSON.stringify({ args, kwargs })) as { args: JsonValue[]; kwargs: JsonObject }
        const message = celeryMessage({ queue: 'celery', task: 'app.tasks.add', ...plain })
        expect(readCall(message)).toMatchObject({ task: 'app.tasks.add', ...plain })
      }),
    )
  })

  it('has the times and the count of its headers', () => {
    const { eta, expires, retries, id } = readCall(
      withHeaders({ eta: '2026-01-02T03:04:05.123456+02:00', expires: '2026-01-02 03:04:05', retries: 2 }),
    )
    expect(eta).toEqual(new Date('2026-01-02T01:04:05.123Z'))
    expect(expires).toEqual(new Date('2026-01-02T03:04:05Z'))
    expect([retries, id]).toEqual([2, 'an id'])
  })

  it('keeps whole numbers that JavaScript would round, as texts of their digits', () => {
    const big = '[[9007199254740993, -9007199254740993, 9007199254740991, "in \\" 9007199254740993"], {}, {}]'
    expect(readCall(withBody(big)).args).toEqual([
      '9007199254740993',
      '-9007199254740993',
      9007199254740991,
      'in " 9007199254740993',
    ])
  })

  it('gives plain texts for what newer versions of Kombu mark with a type', () => {
    const typed = (type: string, value: JsonValue): JsonObject => ({ __type__: type, __value__: value })
    const args = [
      typed('datetime', '2026-01-02T03:04:05+00:00'),
      typed('decimal', '10.50'),
      typed('uuid', { hex: '0123456789abcdef0123456789abcdef' }),
      [typed('date', '2026-01-02')],
    ]
    expect(readCall(withBody(JSON.stringify([args, {}, {}]))).args).toEqual([
      '2026-01-02T03:04:05+00:00',
      '10.50',
      '01234567-89ab-cdef-0123-456789abcdef',
      ['2026-01-02'],
    ])
  })

  it('may be compressed, or in no base64', () => {
    const text = '[["Grüße"], {}, {}]'
    for (const message of [
      withBody(deflateSync(text), { compression: 'application/x-gzip' }),
      withBody(brotliCompressSync(text), { compression: 'application/x-brotli' }),
      { ...withHeaders({}), body: text, properties: { body_encoding: null } },
    ])
      expect(readCall(message).args).toEqual(['Grüße'])
  })
})

describe('what is no call is refused, with what is wrong:', () => {
  const whole = withHeaders({})
  it.each<[string, JsonValue]>([
    ['the message is no object', [1, 2]],
    ['headers are no object', { body: 'eA==' }],
    ['headers name no task and id', withHeaders({ task: null })],
    [
      'content-type is "application/x-python-serialize"',
      { ...whole, 'content-type': 'application/x-python-serialize' },
    ],
    ['content-type is missing', { headers: whole.headers, body: whole.body }],
    ['properties are no object', { ...whole, properties: null }],
    ['body is no text', { ...whole, body: null }],
    ['body is no JSON', { ...whole, body: '%%%' }],
    ['body is no JSON', withBody('[[NaN], {}, {}]')],
    ['body is no list of args', withBody('{"args": []}')],
    ['kwargs are no object', withBody('[[]]')],
    ['body cannot be decoded', withBody(Buffer.from([0xff, 0xfe]))],
    ['body cannot be decoded', withBody('[[], {}, {}]', { compression: 'application/x-gzip' })],
    ['compression "application/x-bz2" is not read', withHeaders({ compression: 'application/x-bz2' })],
    ['eta "tomorrow" is no time', withHeaders({ eta: 'tomorrow' })],
    ['expires 17 is no time', withHeaders({ expires: 17 })],
    ['eta "2026-13-45T00:00:00" is no time', withHeaders({ eta: '2026-13-45T00:00:00' })],
  ])('%s', (problem, message) => {
    expect(refusalOf(message)).toContain(`invalid_input: it is no Celery task that can be read: ${problem}`)
  })

  it('it carries a chain, a chord or callbacks', () => {
    const carried = (embed: JsonObject): string => refusalOf(withBody(JSON.stringify([[], {}, embed])))
    expect(carried({ chain: [{ task: 'next' }], chord: { task: 'last' } })).toContain('it carries chain, chord')
    expect(carried({ callbacks: [{}], errbacks: [] })).toContain('it carries callbacks')
  })
})
