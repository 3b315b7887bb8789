import { createClient, defineTask, unchecked } from '@pgmq/node-pg'
import { describe, expect, it } from 'vitest'
import * as entry from '../src/index.js'
import { bearerTokens, createQueueRoutes } from '../src/index.js'
import { keepingLogger } from './support/silent.js'

// Opens nothing: no request is made.
const client = createClient('postgres://nobody@127.0.0.1:1/nothing')
const authorize = (): boolean => true
const TOKEN = 'a-token-of-32-characters-or-more'

it('exports what a user needs, and nothing else', () => {
  expect(Object.keys(entry).sort()).toEqual(['bearerTokens', 'createQueueRoutes'])
})

describe('routes are made', () => {
  it('not without authorize', () => {
    // @ts-expect-error it is required
    expect(() => createQueueRoutes({ client })).toThrow(/authorize is missing/)
    // @ts-expect-error and must be a function
    expect(() => createQueueRoutes({ client, authorize: undefined })).toThrow(/authorize is missing/)
    // @ts-expect-error nor is this one
    expect(() => createQueueRoutes({ client, allowAnonymous: false })).toThrow(/authorize is missing/)
  })

  it('for everybody when told so, with a warning', () => {
    const logger = keepingLogger()
    createQueueRoutes({ client, allowAnonymous: true, logger })
    expect(logger.lines).toMatchObject([
      { level: 'warn', message: expect.stringMatching(/allowAnonymous lets everybody do everything/) },
    ])
  })

  it('not for both', () => {
    // @ts-expect-error they exclude each other
    expect(() => createQueueRoutes({ client, authorize, allowAnonymous: true })).toThrow(/exclude each other/)
  })

  it('without a word when authorize is given', () => {
    const logger = keepingLogger()
    createQueueRoutes({ client, authorize, logger })
    expect(logger.lines).toEqual([])
  })

  it.each([undefined, null, {}, 'postgres://localhost/app'])('not over %j', (given) => {
    expect(() => createQueueRoutes({ client: given as never, authorize })).toThrow(/client is none/)
  })

  it.each([0, -1, 1.5, Number.NaN])('not with maxBodyBytes %d', (maxBodyBytes) => {
    expect(() => createQueueRoutes({ client, authorize, maxBodyBytes })).toThrow(/maxBodyBytes/)
  })

  it.each(['a/b', '../a', ':id', '*', 'a b', 'ä', '.', 'a?b'])('not with a task named %j', (name) => {
    const task = defineTask({ name, queue: 'q', input: unchecked<{ x: 1 }>() })
    expect(() => createQueueRoutes({ client, authorize, tasks: { task } })).toThrow(/cannot be part of a path/)
  })
})

describe('bearer tokens are refused', () => {
  it.each([
    ['that are missing', [{ token: undefined as never, roles: ['read'] as const }], /token 0 is missing/],
    ['that are short', [{ token: 'short', roles: ['read'] as const }], /token 0 is missing or shorter/],
    ['that no header can hold', [{ token: `${TOKEN}\n`, roles: ['read'] as const }], /does not allow/],
    ['with a role that there is not', [{ token: TOKEN, roles: ['root' as never] }], /role "root"/],
    [
      'that are there twice',
      [
        { token: TOKEN, roles: ['read'] as const },
        { token: TOKEN, roles: ['admin'] as const },
      ],
      /the same/,
    ],
  ])('%s', (_, tokens, message) => {
    expect(() => bearerTokens(tokens)).toThrow(message)
  })
})
