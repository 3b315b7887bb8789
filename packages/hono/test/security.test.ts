import { connect } from 'node:net'
import { describeDatabase, useTestDatabase } from '@pgmq/test-database'
import { describe, expect, it } from 'vitest'
import { bearerTokens, createQueueRoutes } from '../src/index.js'
import { type Request, useRoutes } from './support/served.js'

const TOKEN = 'the-only-token-of-32-characters-or-more'
const OF_ONE_QUEUE = 'a-token-of-one-queue-of-32-characters'
const MAX_BYTES = 10_000
const JSON_TYPE = { 'Content-Type': 'application/json' }

describeDatabase('what is sent to do harm', () => {
  const database = useTestDatabase()
  const authorize = bearerTokens([
    { token: TOKEN, roles: ['admin'] },
    { token: OF_ONE_QUEUE, roles: ['admin'], queues: ['inside'] },
  ])
  const routes = useRoutes(database, (client) =>
    createQueueRoutes({ client, authorize, maxBodyBytes: MAX_BYTES, origins: ['https://admin.example.com'] }),
  )
  const call = (method: string, path: string, request: Request = {}) =>
    routes.call(method, path, { token: TOKEN, ...request })

  describe('a token', () => {
    it.each([
      ['of another scheme', `Basic ${btoa(`admin:${TOKEN}`)}`],
      ['with more behind it', `Bearer ${TOKEN} ${TOKEN}`],
      ['that is none', 'Bearer '],
      ['twice', `Bearer ${TOKEN}, Bearer ${TOKEN}`],
    ])('%s lets nobody in', async (_, Authorization) => {
      const reply = await routes.call('GET', '/queues', { headers: { Authorization } })
      expect(reply).toMatchObject({ status: 401, json: { code: 'UNAUTHENTICATED' } })
    })

    it('in the query lets nobody in', async () => {
      expect(await routes.call('GET', `/queues?token=${TOKEN}&access_token=${TOKEN}`)).toMatchObject({ status: 401 })
    })
  })

  describe('a body', () => {
    const large = `{"body": {"text": "${'x'.repeat(MAX_BYTES)}"}}`

    it('too large is refused', async () => {
      const reply = await call('POST', '/queues/bodies/messages', { body: large, headers: JSON_TYPE })
      expect(reply).toMatchObject({ status: 413, json: { code: 'BODY_TOO_LARGE', status: 413 } })
    })

    it('too large is refused, though it does not say how large it is', async () => {
      const body = new ReadableStream({
        start(controller) {
          for (const part of large.match(/.{1,1000}/g) ?? []) controller.enqueue(new TextEncoder().encode(part))
          controller.close()
        },
      })
      const reply = await call('POST', '/queues/bodies/messages', { body, headers: JSON_TYPE })
      expect(reply).toMatchObject({ status: 413, json: { code: 'BODY_TOO_LARGE' } })
    })

    it('is not read from who is not let in', async () => {
      const reply = await routes.call('POST', '/queues/bodies/messages', { body: large, headers: JSON_TYPE })
      expect(reply).toMatchObject({ status: 401 })
    })

    it.each([
      ['arrays', '['.repeat(3000) + ']'.repeat(3000)],
      ['objects', `${'{"a":'.repeat(1500)}1${'}'.repeat(1500)}`],
      ['just one level too many', `{"body":${'['.repeat(100)}${']'.repeat(100)}}`],
    ])('that is deep is refused: %s', async (_, body) => {
      const reply = await call('POST', '/queues/bodies/messages', { body, headers: JSON_TYPE })
      expect(reply).toMatchObject({
        status: 400,
        json: { code: 'REQUEST_INVALID', detail: expect.stringMatching(/deeper than 100/) },
      })
    })

    it('as deep as it may be is enqueued', async () => {
      const body = `{"body":{"a":${'['.repeat(98)}${']'.repeat(98)}}}`
      expect(await call('POST', '/queues/bodies/messages', { body, headers: JSON_TYPE })).toMatchObject({ status: 201 })
    })

    it.each([
      ['is no JSON', '{"body": ', 400],
      ['is in another encoding', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 400],
      ['is a list', '[]', 400],
      ['is a number', '7', 400],
    ])('that %s is refused', async (_, body, status) => {
      const reply = await call('POST', '/queues/bodies/messages', { body, headers: JSON_TYPE })
      expect(reply).toMatchObject({ status, json: { code: 'REQUEST_INVALID' } })
    })

    it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'application/jsonp', ''])(
      'as "%s" is refused',
      async (type) => {
        const body = new Blob(['{"body": {}}'])
        const reply = await call('POST', '/queues/bodies/messages', { body, headers: { 'Content-Type': type } })
        expect(reply).toMatchObject({ status: 415, json: { code: 'MEDIA_TYPE_UNSUPPORTED' } })
      },
    )
  })

  describe('a queue name', () => {
    it.each([
      'User_Tasks',
      'a%2Fb',
      '%2e%2e%2fpasswd',
      'a%20b',
      'a%22b',
      "a'--",
      'a;drop',
      'a%00b',
      'a%0d%0aSet-Cookie:%20x=1',
      '%C3%A4',
      'x'.repeat(48),
      '%',
      '%zz',
    ])('%s is refused before anybody is asked about it', async (name) => {
      const reply = await call('GET', `/queues/${name}/metrics`)
      expect(reply).toMatchObject({ status: 400, json: { code: 'QUEUE_NAME_INVALID' } })
      expect(reply.headers.get('Set-Cookie')).toBeNull()
    })

    it('that climbs out of its path reaches no other queue', async () => {
      await routes.client.queues.create('inside')
      await routes.client.queues.create('theirs')
      expect(await rawStatus(routes.url, '/jobs/queues/inside/metrics')).toMatch(/ 200 /)
      for (const path of [
        '/jobs/queues/inside/../theirs/metrics',
        '/jobs/queues/inside/%2e%2e/theirs/metrics',
        '/jobs/queues/inside%2f..%2ftheirs/metrics',
        '/jobs/queues/inside/..%2ftheirs/metrics',
        '/jobs//queues/theirs/metrics',
        '/jobs/queues/theirs/metrics?queue=inside',
        '/jobs/queues/theirs/metrics#/queues/inside/metrics',
      ])
        expect(await rawStatus(routes.url, path), path).toMatch(/ 40[034] /)
    })
  })

  describe('a request id', () => {
    it('is given, and kept when the caller gives one', async () => {
      const one = await call('GET', '/queues')
      expect(one.headers.get('X-Request-Id')).toMatch(/^[0-9a-f-]{36}$/)
      const own = await call('GET', '/queues/Nope', { headers: { 'X-Request-Id': 'trace-42' } })
      expect(own.headers.get('X-Request-Id')).toBe('trace-42')
      expect(own.json.requestId).toBe('trace-42')
    })

    it.each(['<script>alert(1)</script>', 'a b', 'x'.repeat(300)])('that is odd is replaced: %s', async (given) => {
      const { headers } = await call('GET', '/queues', { headers: { 'X-Request-Id': given } })
      expect(headers.get('X-Request-Id')).toMatch(/^[0-9a-f-]{36}$/)
    })
  })

  describe('a page of another origin', () => {
    const cookie = { Cookie: 'session=1' }
    it.each([
      ['cross-site', { 'Sec-Fetch-Site': 'cross-site' }],
      ['from a sibling', { 'Sec-Fetch-Site': 'same-site', Origin: 'https://evil.example.com' }],
      ['in an old browser', { Origin: 'https://evil.example.com' }],
      ['without an origin of its own', { Origin: 'null' }],
      ['with a name that ends like ours', { Origin: 'http://evil127.0.0.1' }],
    ])('is refused: %s', async (_, headers) => {
      for (const [method, path] of [
        ['GET', '/queues'],
        ['POST', '/queues/inside/purge'],
        ['DELETE', '/queues/inside'],
      ] as const) {
        const reply = await call(method, path, { headers: { ...headers, ...cookie } })
        expect(reply).toMatchObject({ status: 403, json: { code: 'CROSS_SITE' } })
        expect(reply.headers.get('Access-Control-Allow-Origin')).toBeNull()
      }
    })

    it('is let in when it is named', async () => {
      const headers = { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://admin.example.com' }
      expect(await call('GET', '/queues', { headers })).toMatchObject({ status: 200 })
    })

    it.each([
      ['our own', { 'Sec-Fetch-Site': 'same-origin' }],
      ['the address bar', { 'Sec-Fetch-Site': 'none' }],
    ])('is not %s', async (_, headers) => {
      expect(await call('GET', '/queues', { headers: { ...headers, ...cookie } })).toMatchObject({ status: 200 })
    })

    it('is not our own in an old browser', async () => {
      const headers = { Origin: new URL(routes.url).origin, ...cookie }
      expect(await call('GET', '/queues', { headers })).toMatchObject({ status: 200 })
    })
  })

  it('keeps no answer in a cache', async () => {
    const { headers } = await call('GET', '/queues')
    expect(headers.get('Cache-Control')).toBe('no-store')
  })
})

/** The status line that a token of one queue gets, for a path that no client has tidied up. */
function rawStatus(url: string, path: string): Promise<string> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname)
    let reply = ''
    socket.on('data', (chunk) => {
      reply += String(chunk)
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(reply.split('\r\n')[0] ?? ''))
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${OF_ONE_QUEUE}\r\nConnection: close\r\n\r\n`,
    )
  })
}
