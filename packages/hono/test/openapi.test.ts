import { createClient } from '@pgmq/node-pg'
import { createConfig, lintFromString } from '@redocly/openapi-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createQueueRoutes } from '../src/index.js'
import { type Reply, type Served, serveRoutes } from './support/served.js'
import { keepingLogger } from './support/silent.js'
import * as tasks from './support/tasks.js'

const client = createClient('postgres://nobody@127.0.0.1:1/nothing')
let served: Served
let reply: Reply

beforeAll(async () => {
  const logger = keepingLogger()
  served = await serveRoutes(createQueueRoutes({ client, tasks, allowAnonymous: true, logger }))
  reply = await served.call('GET', '/openapi.json')
})
afterAll(() => served.stop())

it('is an OpenAPI 3.1 document that a linter finds nothing wrong with', async () => {
  expect(reply).toMatchObject({ status: 200, json: { openapi: expect.stringMatching(/^3\.1\./) } })
  const config = await createConfig({ extends: ['recommended'], rules: { 'info-license': 'off' } })
  const problems = await lintFromString({ source: reply.text, config })
  expect(problems.map(({ message, location }) => `${message} at ${location[0]?.pointer}`)).toEqual([])
})

it('says where it is mounted', () => {
  expect(reply.json.servers).toEqual([{ url: '/jobs' }])
})

it('has the schema of each task, of whichever library', () => {
  const inputOf = (name: string) =>
    reply.json.paths[`/tasks/${name}`].post.requestBody.content['application/json'].schema.properties.input
  expect(inputOf('send_welcome_email')).toMatchObject({
    type: 'object',
    properties: { email: { type: 'string', format: 'email' }, username: { type: 'string', default: 'friend' } },
    required: ['email'],
  })
  expect(inputOf('resize_image')).toMatchObject({
    type: 'object',
    properties: { key: { type: 'string' }, width: { type: 'number', minimum: 1 } },
    required: ['key', 'width'],
  })
  expect(inputOf('index_product')).toMatchObject({
    type: 'object',
    properties: { productId: { type: 'string' }, locale: { type: 'string' } },
    required: ['productId'],
  })
  expect(inputOf('ping')).toEqual({ type: 'object' })
  const { jobs } =
    reply.json.paths['/tasks/resize_image/batch'].post.requestBody.content['application/json'].schema.properties
  expect(jobs.items.properties.input.required).toEqual(['key', 'width'])
})

it('names its parameters, and the schemas that several routes share', () => {
  const { parameters } = reply.json.paths['/queues/{queue}/messages'].get
  expect(parameters.map(({ name, in: place }: { name: string; in: string }) => `${place} ${name}`).sort()).toEqual([
    'path queue',
    'query after',
    'query limit',
  ])
  expect(Object.keys(reply.json.components.schemas).sort()).toEqual([
    'ArchivedMessage',
    'DeadLetter',
    'Enqueued',
    'Message',
    'Problem',
    'Queue',
    'QueueDetails',
    'QueueMetrics',
    'StoredMessage',
  ])
})
